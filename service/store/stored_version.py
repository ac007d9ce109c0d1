"""One version on disk: what its manifest says, and its files, whose digests are checked when they are opened.

version = store.open("tumour")
with version.open("classifier.pkl") as file: ...
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import ArtifactMissing, DigestMismatch, StartupError
from .draft import digest
from .manifest import Manifest

__all__ = ["StoredVersion"]


@dataclass(frozen=True)
class StoredVersion:
    """One version on disk, its manifest read; nothing of its payload is opened unchecked."""

    folder: Path
    manifest: Manifest

    def __str__(self) -> str:
        return f"{self.manifest.model} version {self.manifest.version}"

    def open(self, name: str) -> BinaryIO:
        """Open one payload file for reading; the bytes that were hashed are the bytes you read.

        Raises ArtifactMissing or DigestMismatch.
        """
        wanted = self.manifest.files.get(name)
        if wanted is None:
            raise ArtifactMissing(f"{self}: its manifest names no file {name}")
        try:
            file = open(self.folder / name, "rb")  # noqa: SIM115 - handed to the caller
        except FileNotFoundError:
            raise ArtifactMissing(f"{self}: {self.folder / name} is missing") from None
        except OSError as error:
            raise StartupError(f"{self}: {self.folder / name} cannot be read: {error.strerror}") from None
        actual = digest(file)
        if actual != wanted["sha256"]:
            file.close()
            raise DigestMismatch(
                f"{self}: {self.folder / name} has sha256 {actual[:12]}..., "
                f"its manifest says {wanted['sha256'][:12]}..."
            )
        return file

    def verify(self) -> None:
        """Check the digest of every file. Raises ArtifactMissing or DigestMismatch."""
        for name in self.manifest.files:
            self.open(name).close()

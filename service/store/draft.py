"""A version while it is written, in a folder that nobody reads yet.

draft = new_draft(store.root / "tumour", 3)     # version 3, or the next that nobody else has or prepares
(draft.folder / "model.bin").write_bytes(...)
draft.digests()
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .manifest import Manifest
from .remote.publishing import publisher_of

__all__ = ["Draft", "digest", "new_draft"]

ABANDONED = 24 * 3600.0  # seconds after which a draft is that of a process that was killed


def digest(file: BinaryIO) -> str:
    """The sha256 of an open binary file, in hex; the file is left at its start."""
    actual = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # needs readinto
    file.seek(0)
    return actual


@dataclass
class Draft:
    """A version being written: its folder, its names, and the manifest to come. Only one process has the folder."""

    folder: Path
    model: str
    version: str
    manifest: Manifest | None = None

    def digests(self) -> dict[str, dict[str, Any]]:
        """The `files` of the manifest: every file of the folder with its sha256 and size."""
        stamps = {}
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            with open(path, "rb") as file:
                stamps[path.relative_to(self.folder).as_posix()] = {
                    "sha256": digest(file),
                    "bytes": path.stat().st_size,
                }
        return stamps


def new_draft(home: Path, version: str | int) -> Draft:
    """An empty draft in a model's folder, of this version; a number is raised until it is free."""
    home.mkdir(parents=True, exist_ok=True)
    try:
        remove_abandoned(home)
        if isinstance(version, str):
            return Draft(Path(tempfile.mkdtemp(prefix=".draft-", dir=home)), home.name, version)
        return numbered(home, version)
    except OSError:
        with suppress(OSError):
            home.rmdir()  # only where nothing else is in it
        raise


def numbered(home: Path, number: int) -> Draft:
    """A draft of the first version from this number on that nobody else has, or prepares.

    Making a folder is atomic on every file system, so two packs at once get two numbers, on two hosts as well.
    """
    while True:
        folder = home / f".draft-{number}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        publisher = publisher_of(home.parent)
        if not (home / str(number)).exists() and (publisher is None or publisher.claim(home.name, number)):
            return Draft(folder, home.name, str(number))
        folder.rmdir()  # published since we looked, or claimed by another host
        number += 1


def remove_abandoned(home: Path) -> None:
    """Delete what killed processes have left in a model's folder."""
    for path in [*home.glob(".draft-*"), *home.glob(".removed-*"), *home.glob(".current-*")]:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

"""The model store: immutable versions in folders, and one small file naming the current one.

    store = Store("artifacts")
    version = store.open("tumour")        # every digest checked
    version.manifest.kind
    with version.file("classifier.pkl") as file: ...

Layout: `<root>/<model>/<version>/manifest.json` beside its payload, and
`<root>/<model>/current`, replaced atomically. A version becomes visible by one
rename and never changes after it.
"""

import hashlib
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.errors import ArtifactMissing, DigestMismatch, StartupError
from service.store.manifest import MANIFEST, Manifest

__all__ = ["Store", "StoredVersion", "check_name"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CURRENT = "current"


def check_name(name, what="model name"):
    """Return `name`, or raise ValueError: names become folders, URLs and metric labels."""
    if not NAME.fullmatch(name) or name == CURRENT:
        raise ValueError(f"{name!r} cannot be a {what}: letters, digits, '.', '_', '-', at most 64, not '{CURRENT}'")
    return name


def digest(file):
    """The sha256 of an open binary file, in hex; the file is left at its start."""
    found = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return found


@dataclass(frozen=True)
class StoredVersion:
    """One version on disk, its manifest read; nothing of its payload is opened unchecked."""

    folder: Path
    manifest: Manifest

    def __str__(self):
        return f"{self.manifest.model} version {self.manifest.version}"

    def open(self, name):
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
        found = digest(file)
        if found != wanted["sha256"]:
            file.close()
            raise DigestMismatch(
                f"{self}: {self.folder / name} has sha256 {found[:12]}..., its manifest says {wanted['sha256'][:12]}..."
            )
        return file

    def verify(self):
        """Check the digest of every file. Raises ArtifactMissing or DigestMismatch."""
        for name in self.manifest.files:
            self.open(name).close()


class Store:
    """The folder of models. Reading never creates anything."""

    def __init__(self, root):
        self.root = Path(root)

    def models(self):
        """The names of the models that have a current version, sorted."""
        if not self.root.is_dir():
            raise ArtifactMissing(f"the store {self.root} is not a folder")
        return sorted(path.parent.name for path in self.root.glob(f"*/{CURRENT}"))

    def versions(self, model):
        """The versions of one model, in the order they were packed."""
        folders = (self.root / model).glob(f"*/{MANIFEST}")
        return [path.parent.name for path in sorted(folders, key=lambda path: (path.stat().st_mtime_ns, path))]

    def current(self, model):
        """The name of a model's current version. Raises ArtifactMissing."""
        try:
            return (self.root / model / CURRENT).read_text(encoding="utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            raise ArtifactMissing(f"the store {self.root} has no model {model}") from None

    def open(self, model, version=None):
        """Find a version (default: the current one), its manifest read, its digests not yet checked."""
        version = version or self.current(model)
        folder = self.root / check_name(model) / check_name(version, "version")
        manifest = Manifest.read(folder)
        if (manifest.model, manifest.version) != (model, version):
            raise StartupError(f"{folder} holds the manifest of {manifest.model} version {manifest.version}")
        return StoredVersion(folder, manifest)

    def next_version(self, model):
        """The first whole number above every numbered version there is, as a string."""
        numbers = [int(path.name) for path in (self.root / model).glob("*") if path.name.isdecimal()]
        return str(max(numbers, default=0) + 1)

    @contextmanager
    def adding(self, model, version=None):
        """Give a fresh folder to fill, then publish it as a version and make it current.

            with store.adding("tumour") as draft:
                shutil.copy("classifier.pkl", draft.folder)
                draft.manifest = Manifest(model=draft.model, version=draft.version, ...)

        Nothing is visible if the block raises. Raises ValueError for a bad or taken name.
        """
        check_name(model)
        version = check_name(version, "version") if version else self.next_version(model)
        home = self.root / model
        if (home / version).exists():
            raise ValueError(f"{model} has a version {version} already, and versions never change")
        home.mkdir(parents=True, exist_ok=True)
        draft = Draft(Path(tempfile.mkdtemp(prefix=".draft-", dir=home)), model, version)
        try:
            yield draft
            draft.manifest.write(draft.folder)
            draft.folder.chmod(0o755)  # mkdtemp makes folders that only their owner may enter
            draft.folder.rename(home / version)
        except BaseException:
            shutil.rmtree(draft.folder, ignore_errors=True)
            raise
        self.promote(model, version)

    def promote(self, model, version):
        """Make a version current, atomically. Raises ArtifactMissing if it is not there."""
        self.open(model, version)
        home = self.root / model
        handle, path = tempfile.mkstemp(prefix=".current-", dir=home)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(version + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(path, 0o644)
        os.replace(path, home / CURRENT)


@dataclass
class Draft:
    """A version being written: its folder, its names, and the manifest to come."""

    folder: Path
    model: str
    version: str
    manifest: Manifest | None = None

    def digests(self):
        """The `files` of the manifest: every file of the folder with its sha256 and size."""
        found = {}
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            with open(path, "rb") as file:
                found[path.relative_to(self.folder).as_posix()] = {
                    "sha256": digest(file),
                    "bytes": path.stat().st_size,
                }
        return found

"""Fill a draft from a version that another process has written, and whose word is not taken for anything.

    adopt(draft, root, kind="tabular")

Once adopted, the draft's files are those that its manifest names, regular, with the digests it names, and none may
be executed. What the manifest says of the model is not checked: a worker checks that when it loads the version.
"""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

from ..errors import DigestMismatch, StartupError
from .draft import Draft
from .manifest import MANIFEST, Manifest

__all__ = ["adopt"]

LARGEST_MANIFEST = 2**26  # bytes
READABLE = 0o644


def adopt(draft: Draft, root: Path, kind: str) -> Manifest:
    """Move the files of the draft's version from the store at `root`, and give it their manifest, unsigned.

    Returns the manifest. That store is in the same file system, and nobody writes to it any more. Raises StartupError
    or DigestMismatch.
    """
    folder = root / draft.model / draft.version
    if not all(stat.S_ISDIR(lstat_mode(each)) for each in (folder.parent, folder)):
        raise StartupError("there is no version")
    for path in regular_files(folder):
        path.chmod(stat.S_IMODE(path.lstat().st_mode) & READABLE | stat.S_IRUSR | stat.S_IWUSR)
    if not stat.S_ISREG(lstat_mode(folder / MANIFEST)) or (folder / MANIFEST).stat().st_size > LARGEST_MANIFEST:
        raise StartupError(f"{MANIFEST} is missing, or too large to be one")
    try:
        manifest = Manifest.read(folder)
    except RecursionError:
        raise StartupError(f"{MANIFEST} is nested too deep to be one") from None
    parts = (manifest.files, manifest.spec, manifest.example, manifest.metrics, manifest.provenance)
    if not all(isinstance(part, dict) for part in parts) or not isinstance(manifest.created, str):
        raise StartupError(f"{MANIFEST} is not a manifest")
    found = (manifest.model, manifest.version, manifest.kind)
    if found != (draft.model, draft.version, kind):
        raise StartupError(f"{MANIFEST} is that of {manifest.model} version {manifest.version} ({manifest.kind})")
    (folder / MANIFEST).unlink()
    for path in folder.iterdir():
        path.rename(draft.folder / path.name)
    if (now := draft.digests()) != manifest.files:
        named = ", ".join(sorted(name for name in {*now, *manifest.files} if now.get(name) != manifest.files.get(name)))
        raise DigestMismatch(f"{MANIFEST} does not hold the digests of {named}")
    draft.manifest = replace(manifest, signature="")
    return draft.manifest


def lstat_mode(path: Path) -> int:
    """What a path is, links not followed; 0 where there is nothing."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def regular_files(folder: Path) -> list[Path]:
    """Every file below the folder; the folders can be read by all. Raises StartupError where there is anything else."""
    found, folders = [], [folder]
    for each in folders:
        each.chmod(0o755)
        for path in each.iterdir():
            state = path.lstat()
            if stat.S_ISDIR(state.st_mode):
                folders.append(path)
            elif stat.S_ISREG(state.st_mode) and state.st_nlink == 1:
                found.append(path)
            else:
                raise StartupError(f"{path.relative_to(folder)} is a link or no file")
    return found

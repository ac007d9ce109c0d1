"""Whether the library that runs a model is the one it was packed with.

check_library("scikit-learn", packed="1.5.2", allow=False)     # VersionMismatch under 1.9.1, fine under 1.5.9
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from packaging.version import InvalidVersion, Version

from ...errors import VersionMismatch

__all__ = ["check_library", "same_release"]


def same_release(packed: str, installed: str) -> bool:
    """Whether two versions agree in major and minor, as 1.9rc1 and 1.9.0 do. Other texts agree only where equal."""
    try:
        ours, theirs = Version(packed), Version(installed)
    except InvalidVersion:
        return packed == installed
    return (ours.epoch, ours.major, ours.minor) == (theirs.epoch, theirs.major, theirs.minor)


def check_library(library: str, packed: str | None, *, allow: bool) -> None:
    """Raises VersionMismatch where the installed major.minor is not the packed one.

    `packed` is None where the manifest names no version: nothing is compared. `allow`: accept every version.
    """
    try:
        installed = version(library)
    except PackageNotFoundError:
        raise VersionMismatch(f"it needs {library}, which is not installed here: pip install {library}") from None
    if packed and not allow and not same_release(packed, installed):
        raise VersionMismatch(
            f"it was packed with {library} {packed} and {installed} is installed, which may answer otherwise: "
            f"pip install {library}=={packed}, pack it again, or set DAYLIGHT_ALLOW_VERSION_MISMATCH=yes"
        )

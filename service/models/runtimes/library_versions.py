"""Whether the library that runs a model is the one it was packed with.

check_library("scikit-learn", packed="1.5.2", allow=False)     # VersionMismatch under 1.9.1, fine under 1.5.9
"""

from importlib.metadata import version

from ...errors import VersionMismatch

__all__ = ["check_library", "same_release"]


def same_release(one, other):
    """Whether two versions agree in major and minor."""
    return one.split(".")[:2] == other.split(".")[:2]


def check_library(library, packed, *, allow):
    """Raise VersionMismatch where the installed major.minor is not the packed one; `packed` None says nothing."""
    installed = version(library)
    if packed and not allow and not same_release(packed, installed):
        raise VersionMismatch(
            f"it was packed with {library} {packed} and {installed} is installed, which may answer otherwise: "
            f"pip install {library}=={packed}, pack it again, or set DAYLIGHT_ALLOW_VERSION_MISMATCH=yes"
        )

"""Whether the libraries that run a model are those it was packed with.

    needs = needed(["sklearn.svm._classes.SVC", "xgboost.core.Booster"])    # {"sklearn": "1.9.1", "xgboost": "3.2.0"}
    check_needs(needs, allow=False)     # VersionMismatch under another minor release of one of them

Only the libraries whose estimators are served are compared; a compiled model needs none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from packaging.version import InvalidVersion, Version

from ...errors import VersionMismatch

__all__ = ["DISTRIBUTIONS", "check_needs", "installed_as", "needed", "same_release"]

# What a library is imported as -> what it is installed as; the first name is the usual one.
DISTRIBUTIONS = {
    "catboost": ("catboost",),
    "category_encoders": ("category-encoders",),
    "feature_engine": ("feature-engine",),
    "imblearn": ("imbalanced-learn",),
    "lightgbm": ("lightgbm",),
    "sklearn": ("scikit-learn",),
    "skrub": ("skrub",),
    "xgboost": ("xgboost", "xgboost-cpu"),
}
PINNED = "sklearn"  # this service itself wants one release of it


def installed(library: str) -> str | None:
    """The version of a library by the name it is imported as; None where it is not installed."""
    try:
        return version(installed_as(library))
    except PackageNotFoundError:
        return None


def installed_as(library: str) -> str:
    """The distribution that brings a library here, by the name it is imported as; else the usual one."""
    for distribution in DISTRIBUTIONS[library]:
        with suppress(PackageNotFoundError):
            version(distribution)
            return distribution
    return DISTRIBUTIONS[library][0]


def needed(names: Iterable[str]) -> dict[str, str]:
    """{library: its installed version} of those in which these dotted names lie."""
    libraries = sorted({name.partition(".")[0] for name in names} & DISTRIBUTIONS.keys())
    return {library: found for library in libraries if (found := installed(library))}


def same_release(packed: str, installed: str) -> bool:
    """Whether two versions agree in major and minor, as 1.9rc1 and 1.9.0 do. Other texts agree only where equal."""
    try:
        ours, theirs = Version(packed), Version(installed)
    except InvalidVersion:
        return packed == installed
    return (ours.epoch, ours.major, ours.minor) == (theirs.epoch, theirs.major, theirs.minor)


def check_needs(needs: Mapping[str, str], *, allow: bool) -> None:
    """Raise VersionMismatch naming each library that is not installed, or in another major.minor than the packed one.

    needs: {library: the version it was packed with}, as of `needed`. allow: accept every version that is installed.
    """
    faults = [fault for library, packed in needs.items() if (fault := mismatch(library, packed, allow=allow))]
    if faults:
        raise VersionMismatch("; ".join(faults))


def mismatch(library: str, packed: str, *, allow: bool) -> str | None:
    """What is wrong with a library, and what to do; None where nothing is."""
    found, name = installed(library), DISTRIBUTIONS[library][0]
    if found is None:
        return f"it needs {name}, which is not installed here: pip install {name}=={packed}"
    if allow or same_release(packed, found):
        return None
    # Another scikit-learn would break what the service needs beside it.
    install = "" if library == PINNED else f"pip install {name}=={packed}, "
    return (
        f"it was packed with {name} {packed} and {found} is installed, which may answer otherwise: "
        f"{install}pack it again here, or set DAYLIGHT_ALLOW_VERSION_MISMATCH=yes"
    )

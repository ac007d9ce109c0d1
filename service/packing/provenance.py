"""Where a version came from: the libraries it was packed with, and the file it was made of."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["library_versions", "provenance"]


def library_versions(*packages: str) -> dict[str, str]:
    """{package: version} of the packages that are installed."""
    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def provenance(*packages: str, **known: Any) -> dict[str, Any]:
    """The manifest's `provenance`: Python, the named packages, and whatever else is known."""
    return {"python": platform.python_version(), "packages": library_versions(*packages), **known}

"""Where a version came from: the libraries it was packed with, and the file it was made of."""

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["library_versions", "provenance"]


def library_versions(*packages):
    """{package: version} of those that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def provenance(*packages, **known):
    """The manifest's `provenance`: python, the named packages, and what the caller knows besides."""
    return {"python": platform.python_version(), "packages": library_versions(*packages), **known}

"""Bare roots made of Debian's packages, for images: what `FROM` names, where no registry of images is at hand.

roots = debian_roots(folder)      # {name in FROM: folder}; None where this is not Debian, not root, or without apt
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from service.cli.image_context import BASES

__all__ = ["debian_roots", "needs_roots"]

# Those of gcr.io/distroless/python3-debian12: what Python needs, no shell's tools, no package manager.
DISTROLESS = """
base-files netbase tzdata libc6 libssl3 libgcc-s1 libgomp1 libstdc++6 gcc-12-base dash libbz2-1.0 libcom-err2 libcrypt1
libdb5.3 libexpat1 libffi8 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 liblzma5 libncursesw6
libnsl2 libpython3-stdlib libpython3.11-minimal libpython3.11-stdlib libreadline8 libsqlite3-0 libtinfo6 libtirpc3
libuuid1 python3 python3-minimal python3.11 python3.11-minimal zlib1g
"""
TOOLS = ("apt-get", "debootstrap", "dpkg-deb", "bwrap")


def makeable():
    """Whether they can be made here: on Debian 12, as root, with its tools."""
    release = Path("/etc/os-release")
    bookworm = release.exists() and "VERSION_CODENAME=bookworm" in release.read_text()
    return bookworm and os.getuid() == 0 and all(map(shutil.which, TOOLS))


needs_roots = pytest.mark.skipif(
    not makeable(), reason="needs Debian 12, root, and apt-get install debootstrap bubblewrap"
)


def debian_roots(folder):
    """The roots of the two stages of an image for Python 3.11. Takes minutes, and Debian's mirror."""
    build, final, _ = BASES["3.11"]
    roots = {build: folder / "build", final: folder / "final"}
    subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=python3,python3-venv", "bookworm", roots[build]],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    packages = folder / "packages"
    packages.mkdir()
    subprocess.run(["apt-get", "download", "-qq", *DISTROLESS.split()], cwd=packages, check=True)
    for package in packages.iterdir():
        subprocess.run(["dpkg-deb", "-x", package, roots[final]], check=True)
    for unused in ("man", "info", "locale", "lintian"):  # as in the image
        shutil.rmtree(roots[final] / "usr/share" / unused, ignore_errors=True)
    for mounted in ("proc", "dev", "tmp"):
        (roots[final] / mounted).mkdir(exist_ok=True)
    return roots

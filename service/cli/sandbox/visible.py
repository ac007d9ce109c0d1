"""The files that Python and the system's libraries need: all that a box shows besides what it is given.

Home, /etc, /run and /var are not there at all, and neither is a socket or a file that lies in them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["SYSTEM", "python_paths", "search_path"]

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"),
    *("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node"),  # how many processors there are, and of which kind
)
PACKAGES = ("site-packages", "dist-packages")  # folders that hold nothing but packages
MODULES = (".py", ".so", ".pth", ".zip")


def search_path() -> list[str]:
    """Where this process looks for modules, absolute and in its order."""
    return [os.path.abspath(entry) for entry in sys.path if os.path.exists(entry or ".")]


def python_paths() -> list[str]:
    """Paths that hold the interpreter and the modules that it can import."""
    homes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    homes |= {os.path.realpath(home) for home in homes}
    roots = sorted(homes - {"/"})
    elsewhere = [path for path in links(sys.executable) if not within(path, roots)]
    for entry in search_path():
        if not within(entry, roots):
            elsewhere.extend(importable(Path(entry)))
    return [*roots, *elsewhere]


def within(path: str, roots: list[str]) -> bool:
    """Whether it is shown already, as a part of one of these folders or of the system's."""
    return any(Path(path).is_relative_to(root) for root in (*roots, *SYSTEM))


def links(path: str) -> Iterator[str]:
    """The path, and each that a symbolic link leads to from there."""
    while os.path.islink(path):
        yield path
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    yield path


def importable(entry: Path) -> Iterator[str]:
    """What Python could import from an entry of its search path: the current folder may be one, with keys in it."""
    if entry.name in PACKAGES or not entry.is_dir():
        yield str(entry)
        return
    for path in entry.iterdir():
        if path.suffix in MODULES or (path / "__init__.py").is_file():
            yield str(path)

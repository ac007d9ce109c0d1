"""The user's own modules, stored in a version together with the model that needs them.

    with carried({"mymodule": b"class Shift: ..."}):
        load(file)                       # `import mymodule` finds these bytes and no file of that name

Modules come from bytes whose digest was checked, never from a folder on sys.path. Versions
may carry different code under one name: objects keep the code they were loaded with, and
`sys.modules` has that of the version loaded last, so import at the top of a module, not in its functions.
Afterwards a module of the same name that the process had imported from elsewhere is put back.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...store.versions import StoredVersion

__all__ = ["FOLDER", "carried", "sources"]

FOLDER = "code/"


def sources(version: StoredVersion) -> dict[str, bytes]:
    """{module name: source bytes} of the modules in a version, their digests checked. Raises DigestMismatch."""
    modules = {}
    for name in version.manifest.files:
        if name.startswith(FOLDER):
            with version.open(name) as file:
                modules[PurePosixPath(name).stem] = file.read()
    return modules


class Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads these modules and no other."""

    def __init__(self, modules: Mapping[str, bytes]) -> None:
        self.modules = modules

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname in self.modules else None

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self.modules[fullname])

    def is_package(self, fullname: str) -> bool:
        return False


@contextmanager
def carried(modules: Mapping[str, bytes]) -> Iterator[dict[str, ModuleType]]:
    """Import all of `modules` ({name: source bytes}) and yield {name: module}; inside, `import name` finds these."""
    finder = Finder(modules)
    before = {name: sys.modules.pop(name) for name in modules if name in sys.modules}
    sys.meta_path.insert(0, finder)
    try:
        yield {name: importlib.import_module(name) for name in modules}
    finally:
        sys.meta_path.remove(finder)
        for name, module in before.items():
            if not isinstance(module.__loader__, Finder):
                sys.modules[name] = module

"""The user's own modules, carried in a version beside the model that needs them.

    with carried({"mymodule": b"class Shift: ..."}):
        load(file)                       # `import mymodule` finds these bytes, and nothing beside them

Modules come from bytes whose digest was checked, never from a folder on sys.path. Versions
may carry different code under one name: objects keep the code they were loaded with, and
`sys.modules` has that of the version loaded last, so import at the top of a module, not in its functions.
A module of that name which this process had from elsewhere is put back.
"""

import importlib
import importlib.abc
import importlib.util
import sys
from contextlib import contextmanager
from pathlib import PurePosixPath

__all__ = ["carried", "sources"]

FOLDER = "code/"


def sources(version):
    """{module name: source bytes} of what a StoredVersion carries, digests checked."""
    found = {}
    for name in version.manifest.files:
        if name.startswith(FOLDER):
            with version.open(name) as file:
                found[PurePosixPath(name).stem] = file.read()
    return found


class Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads these modules and no other."""

    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, fullname, path=None, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname in self.modules else None

    def get_source(self, fullname):
        return importlib.util.decode_source(self.modules[fullname])

    def is_package(self, fullname):
        return False


@contextmanager
def carried(modules):
    """Import all of `modules` ({name: source bytes}) and give {name: module}; while inside, their names mean these."""
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

"""Open the file to pack, with everything that has to be known and said before it is opened.

    opened = open_file("classifier.pkl", trust=["mymodule"], code=["mymodule.py"])
    opened.estimator, opened.known, opened.notes

Also what an object packed from its own process needs to be opened again by a server.
"""

import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ..errors import BadSetting
from ..models.runtimes import pickles, skops_files
from ..models.runtimes.bundled_code import FOLDER, carried
from ..models.runtimes.open_payload import SKOPS
from ..settings import Settings
from ..store.versions import Store
from .pickle_file import contents

__all__ = ["Opened", "carry", "known_of_written", "open_file", "open_store"]

LISTED = 10  # names in one refusal
OWN_PACKAGES = ("daylight", "service")  # the names that this package has installed, and in its checkout


@dataclass(frozen=True)
class Opened:
    """`known`: for the provenance. `notes`: for whoever packs."""

    estimator: object
    known: dict = field(default_factory=dict)
    notes: tuple = ()


def open_store(root):
    """The store to pack into: `root`, or what DAYLIGHT_STORE names; it signs with DAYLIGHT_SIGNING_KEY.

    Raises ValueError where one of these settings is wrong.
    """
    return Store(root or setting("store"), setting("signing_key"))


def setting(name):
    """One of the server's settings, from the environment. Raises ValueError where it is wrong."""
    try:
        return Settings.read(name)
    except BadSetting as error:
        raise ValueError(str(error)) from None


def open_file(path, trust=(), code=()):
    """Open a .pkl, .joblib or .skops file -> Opened.

    `trust`: dotted names of modules (or things in them) that a pickle may import besides the known
    packages. `code`: paths of Python files it needs. Raises ValueError, with nothing of the file run, where it
    reaches further, and where it cannot be opened.
    """
    path = Path(path)
    modules = read_code(code)
    with open(path, "rb") as file:
        if path.suffix == SKOPS:
            types = setting("trusted_types")
            return Opened(attempt(path, modules, lambda: skops_files.load(file, types)))
        try:
            found = contents(file)
        except ValueError as error:
            raise ValueError(f"{path} is {error}") from None
        check_installed(path, found.imports)
        refused = found.refused([*trust, *modules])
        if refused:
            raise ValueError(f"{path} was not opened: {told(refused)}")
        here = version("scikit-learn")
        other = found.sklearn if found.sklearn and found.sklearn != here else None
        hint = ""
        if other:
            hint = f"made with scikit-learn {other}, and {here} is installed: pip install scikit-learn=={other}"
        estimator = attempt(path, modules, lambda: pickles.load(file, [*trust, *modules]), hint)
    known = {"made_with": {"scikit-learn": found.sklearn}} if found.sklearn else {}
    trusted = sorted(name for name in found.refused(modules))
    if trusted:
        known["trusted"] = trusted
    return Opened(estimator, known, (f"{hint} to have the answers it was tested with",) if hint else ())


def check_installed(path, imports):
    """Raise ValueError where a known package that the file needs is not there: nothing else about it can be told."""
    needed = {name.partition(".")[0] for name in imports} & set(pickles.PACKAGES)
    absent = sorted(name for name in needed if find_spec(name) is None)
    if absent:
        raise ValueError(
            f"{path} needs {', '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed here: "
            f"install the release it was made with, and pack it again"
        )


def attempt(path, modules, load, hint=""):
    """What `load` gives with these modules at hand; whatever a file may raise becomes one sentence."""
    try:
        with carried(modules):
            return load()
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{path} needs the module {error.name}, which is not installed; install it, or carry your own: "
            f"--code {error.name}.py"
        ) from None
    except Exception as error:
        raise ValueError(
            f"{path} cannot be opened: {type(error).__name__}: {error}{f'; it was {hint}' if hint else ''}"
        ) from error


def told(refused):
    """The reasons, and exactly what would accept each."""
    listed = list(refused)[:LISTED]
    more = f" (and {len(refused) - LISTED} more)" if len(refused) > LISTED else ""
    reasons = "; ".join(refused[name] for name in listed) + more
    accept = " ".join(f"--trust {name}" for name in refused)
    if any(name.startswith("__main__.") for name in refused):
        return f"{reasons}; what lives in __main__ no server can import: define it in a module, and fit and save again"
    return f"{reasons}. If you know who made the file, pack it with {accept}; modules of your own: --code FILE"


def read_code(paths):
    """{module name: source bytes} of the Python files to carry. Raises ValueError for a name that is taken."""
    modules = {}
    for path in map(Path, paths):
        name = path.stem
        if path.suffix != ".py" or not name.isidentifier():
            raise ValueError(f"{path} is no Python module; --code takes files such as mymodule.py")
        taken = name in sys.stdlib_module_names or name in (*OWN_PACKAGES, *pickles.PACKAGES)
        if taken or name in modules:
            raise ValueError(f"{path}: a module {name} is there already, and it would hide that one; rename it")
        modules[name] = path.read_bytes()
    return modules


def carry(draft, code):
    """Copy Python files into a draft of a version; returns {module name: source bytes}."""
    modules = read_code(code)
    for name, source in modules.items():
        path = draft.folder / FOLDER / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(source)
    return modules


def known_of_written(path, modules):
    """For the provenance of a pickle this very process wrote: the names beyond the known packages that it imports.

    They are trusted as they are here already. Raises ValueError where a server could not import them.
    """
    with open(path, "rb") as file:
        trusted = sorted(contents(file).refused(modules))
        main = [name.removeprefix("__main__.") for name in trusted if name.startswith("__main__.")]
        if main:
            raise ValueError(
                f"{', '.join(main)} lives in __main__, which no server can import: move it into a file such as "
                f"mymodule.py, import it from there, fit again and pass code=['mymodule.py']"
            )
        attempt(path.name, modules, lambda: pickles.load(file, [*trusted, *modules]))
    return {"trusted": trusted} if trusted else {}

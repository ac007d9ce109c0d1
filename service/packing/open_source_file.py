"""Open the file to pack, after everything that must be checked before it is opened.

    opened = open_file("classifier.pkl", trust=["mymodule"], code=["mymodule.py"])
    opened.estimator, opened.known, opened.hint

Also what a server needs to open an object that was packed from its own process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import BadSetting, in_a_line
from ..models.runtimes import boosters, onnx_files, pickles, skops_files
from ..models.runtimes.bundled_code import FOLDER, carried
from ..models.runtimes.library_versions import DISTRIBUTIONS, needed
from ..models.runtimes.open_payload import SKOPS
from ..models.runtimes.pickle_rules import resolve, within
from ..models.runtimes.safe_names import PACKAGES
from ..models.runtimes.sklearn import parts
from ..settings import Settings, folder_or_url
from ..store.draft import Draft
from ..store.signature import Keys
from ..store.versions import Store
from .pickle_file import contents

__all__ = [
    "Opened",
    "carry",
    "known_of_written",
    "open_file",
    "open_store",
    "promotes",
    "read_code",
    "refusal_sentence",
    "told",
    "version_hint",
]

LISTED = 10  # names in one refusal
OWN_PACKAGES = ("daylight", "service")  # the names that this package has installed, and in its checkout
KNOWN_PACKAGES = {name.partition(".")[0] for name in PACKAGES}  # those of safe_names


@dataclass(frozen=True)
class Opened:
    """An opened file. `known`: for the provenance. `hint`: which other scikit-learn made it, and what to install."""

    estimator: Any
    known: dict[str, Any] = field(default_factory=dict)
    hint: str = ""


def open_store(place: Path | str | None) -> Store:
    """The store to pack into: `place`, a folder or a URL, or what DAYLIGHT_STORE names; it signs with the keys of the
    settings.

    Raises ValueError where one of these settings is wrong.
    """
    keys = Keys(*map(setting, ("signing_key", "private_key", "signers_file", "seen_file")))
    place = folder_or_url(place) if isinstance(place, str) and place else place
    return Store.at(place or setting("store"), setting("store_cache"), keys)


def promotes(promote: bool | None) -> bool:
    """Whether a version becomes current as soon as it is packed; None: as DAYLIGHT_PROMOTE says."""
    return setting("promote") == "auto" if promote is None else promote


def setting(name: str) -> Any:
    """One of the server's settings, from the environment. Raises ValueError where it is wrong."""
    try:
        return Settings.read(name)
    except BadSetting as error:
        raise ValueError(str(error)) from None


def open_file(path: Path | str, trust: Iterable[str] = (), code: Iterable[Path | str] = ()) -> Opened:
    """Open a .pkl, .joblib, .skops or .onnx file, or one that XGBoost, LightGBM or CatBoost has written itself.

    trust: dotted names of modules (or things in them) that a pickle may import besides the known packages. code: paths
    of Python files that it needs. Raises ValueError, with no code of the file run, where it imports anything else, and
    where it cannot be opened.
    """
    path = Path(path)
    modules = read_code(code)
    with open(path, "rb") as file:
        if path.suffix == SKOPS:
            types = setting("trusted_types")
            estimator = attempt(path, modules, lambda: skops_files.load(file, types))
            return Opened(estimator, {"needs": needed(type(part).__module__ for part in parts(estimator))})
        if path.suffix == onnx_files.SUFFIX:
            return open_graph(path, file)
        if path.suffix in boosters.SUFFIXES:
            return open_booster(path, file)
        try:
            listed = contents(file)
        except ValueError as error:
            raise ValueError(f"{path} is {error}") from None
        check_installed(path, listed.imports)
        allowed = [*trust, *modules]
        refused = listed.refused(allowed)
        if refused:
            raise ValueError(f"{path} was not opened: {refusal_sentence(refused)}")
        hint = version_hint(listed.sklearn)
        check_names(path, listed.imports, hint)
        estimator = boosters.as_estimator(attempt(path, modules, lambda: pickles.load(file, allowed), hint))
    known: dict[str, Any] = {"needs": needed(listed.imports)}
    if listed.sklearn:
        known["made_with"] = {"scikit-learn": listed.sklearn}
    trusted = sorted(listed.refused(modules))
    if trusted:
        known["trusted"] = trusted
    return Opened(estimator, known, hint)


def open_booster(path: Path, file: BinaryIO) -> Opened:
    """A file that a library of boosters has written. Raises ValueError where it is none, or the library is absent."""
    try:
        library = boosters.library_of(file)
    except ValueError as error:
        raise ValueError(f"{path} is {error}") from None
    check_installed(path, [library])
    return Opened(attempt(path, {}, lambda: boosters.load(file)), {"needs": needed([library])})


def open_graph(path: Path, file: BinaryIO) -> Opened:
    """An ONNX file. Raises ValueError where it cannot be served."""
    try:
        model = onnx_files.load(file, path.parent)
    except ValueError as error:
        raise ValueError(f"{path} cannot be served: {error}") from None
    made_with = {model.graph.model.producer_name: model.graph.model.producer_version}
    return Opened(model, {"made_with": made_with} if any(made_with) else {})


def version_hint(made_with: str | None) -> str:
    """What to say where a file was made with another scikit-learn; "" where it was not."""
    installed = version("scikit-learn")
    if made_with in (None, installed):
        return ""
    return (
        f"made with scikit-learn {made_with}, and {installed} is installed, the release that serves here: "
        f"fit and save it again with {installed}"
    )


def check_installed(path: Path, imports: Iterable[str]) -> None:
    """Raise ValueError where a known package that the file needs is not installed."""
    needed = {name.partition(".")[0] for name in imports} & KNOWN_PACKAGES
    absent = sorted(name for name in needed if find_spec(name) is None)
    if absent:
        distributions = [DISTRIBUTIONS.get(name, (name,))[0] for name in absent]
        raise ValueError(
            f"{path} needs {', '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed here: "
            f"pip install {' '.join(distributions)}, in the release it was made with, and pack it again"
        )


def check_names(path: Path, imports: Iterable[str], hint: str) -> None:
    """Raise ValueError where the installed release of a known package no longer has a name that the file needs."""
    gone = sorted(name for name in imports if within(name, PACKAGES) and resolve(name) is None)
    if not gone:
        return
    name = next((each for each in gone if each.startswith("sklearn.")), gone[0])
    package = name.partition(".")[0]
    missing = f"it needs {name}, which the installed {package} does not have"
    if hint and package == "sklearn":
        raise ValueError(f"{path} was {hint}; {missing}")
    raise ValueError(f"{path}: {missing}; install the release of {package} it was made with, and pack it again")


def attempt(path: Path | str, modules: dict[str, bytes], load: Callable[[], Any], hint: str = "") -> Any:
    """Call `load` with these modules importable; whatever the file raises becomes a ValueError of one sentence."""
    try:
        with carried(modules):
            return load()
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] not in KNOWN_PACKAGES:
            name = in_a_line(error.name, 80)
            raise ValueError(
                f"{path} needs the module {name}, which is not installed; install it, or carry your own: "
                f"--code {name}.py"
            ) from None
        if hint:
            raise ValueError(f"{path} was {hint}; it cannot be opened: {sentence(error)}") from error
        raise ValueError(f"{path} cannot be opened: {sentence(error)}") from error


def sentence(error: Exception) -> str:
    """The type and the message of an error, in one line that can be read at a glance."""
    return in_a_line(f"{type(error).__name__}: {error}", 240)


@contextmanager
def told(hint: str) -> Iterator[None]:
    """Within it, the failures of an object that another scikit-learn made say so; `hint`: of `version_hint`."""
    try:
        yield
    except Exception as error:
        if not hint:
            raise
        raise ValueError(f"it was {hint}; {error if isinstance(error, ValueError) else sentence(error)}") from error


def refusal_sentence(refused: dict[str, str]) -> str:
    """{dotted name: reason} -> the reasons, and the options that would accept each."""
    listed = list(refused)[:LISTED]
    more = f" (and {len(refused) - LISTED} more)" if len(refused) > LISTED else ""
    reasons = "; ".join(refused[name] for name in listed) + more
    accept = " ".join(f"--trust {name}" for name in shortest(refused))
    if any(name.startswith("__main__.") for name in refused):
        cure = "define it in a module, then fit and save again"
        return f"{reasons}; a server cannot import what is defined in __main__: {cure}"
    return f"{reasons}. If you know who made the file, pack it with {accept}; modules of your own: --code FILE"


def shortest(names: Iterable[str]) -> list[str]:
    """What to trust: a package where several of its names are asked for, but never a known one or Python's own."""
    by_package: dict[str, list[str]] = {}
    for name in names:
        by_package.setdefault(name.partition(".")[0], []).append(name)
    whole = {*sys.stdlib_module_names, *KNOWN_PACKAGES, "__main__"}
    return [
        each
        for package, listed in by_package.items()
        for each in ([package] if len(listed) > 1 and package not in whole else listed)
    ]


def read_code(paths: Iterable[Path | str]) -> dict[str, bytes]:
    """{module name: source bytes} of the Python files to bundle. Raises ValueError for a name that is taken."""
    modules: dict[str, bytes] = {}
    for path in map(Path, paths):
        name = path.stem
        if path.suffix != ".py" or not name.isidentifier():
            raise ValueError(f"{path} is no Python module; --code takes files such as mymodule.py")
        taken = name in sys.stdlib_module_names or name in {*OWN_PACKAGES, *KNOWN_PACKAGES}
        if taken or name in modules:
            raise ValueError(f"{path}: a module {name} is there already, and it would hide that one; rename it")
        modules[name] = path.read_bytes()
    return modules


def carry(draft: Draft, code: Iterable[Path | str]) -> dict[str, bytes]:
    """Copy Python files into a draft of a version; returns {module name: source bytes}."""
    modules = read_code(code)
    for name, source in modules.items():
        path = draft.folder / FOLDER / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(source)
    return modules


def known_of_written(path: Path, modules: dict[str, bytes]) -> dict[str, Any]:
    """For the provenance of a pickle that this process wrote: the libraries that it needs, and the names beyond them.

    The names are trusted, since this process has imported them already. Raises ValueError where a server cannot.
    """
    with open(path, "rb") as file:
        listed = contents(file)
        trusted = sorted(listed.refused(modules))
        main = [name.removeprefix("__main__.") for name in trusted if name.startswith("__main__.")]
        if main:
            raise ValueError(
                f"{', '.join(main)} is defined in __main__, which a server cannot import: move it into a file such as "
                f"mymodule.py, import it from there, fit again and pass code=['mymodule.py']"
            )
        attempt(path.name, modules, lambda: pickles.load(file, [*trusted, *modules]))
    return {"needs": needed(listed.imports)} | ({"trusted": trusted} if trusted else {})

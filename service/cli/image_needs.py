"""Which distributions a set of models needs to be served, in the versions that are installed here.

pins(["text"], {"xgboost-cpu"})     # {"flask": "3.1.3", "numpy": "2.4.6", ..., "tokenizers": "0.23.3", ...}
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..errors import StartupError

__all__ = ["pins"]

PACKAGE = "daylight"
PROJECT = Path(__file__).parents[2] / "pyproject.toml"  # of a checkout, where the package itself is not installed


def pins(extras: Iterable[str], others: Iterable[str] = ()) -> dict[str, str]:
    """{distribution: version} of a bare install, its extras and `others`, with all that these depend on.

    Raises StartupError naming what is not installed here.
    """
    found: dict[str, str] = {}
    absent: list[str] = []
    asked = [Requirement(f"{PACKAGE}[{','.join(extras)}]"), *map(Requirement, others)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while asked:
        each = asked.pop()
        name, wanted = canonicalize_name(each.name), frozenset(each.extras)
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            asked += [inner for line in needed_by(name) if applies(inner := Requirement(line), wanted)]
            if name != PACKAGE:
                found[name] = version(name).partition("+")[0]  # a local build is not in an index
        except PackageNotFoundError:
            absent.append(name)
    if absent:
        extra = f"[{','.join(extras)}]" if extras else ""
        raise StartupError(f"not installed here: {', '.join(sorted(absent))}; pip install '{PACKAGE}{extra}'")
    return dict(sorted(found.items()))


def needed_by(name: str) -> list[str]:
    """The requirements of a distribution, as its metadata has them."""
    if name == PACKAGE and PROJECT.is_file():
        project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
        optional = project["optional-dependencies"].items()
        return project["dependencies"] + [f"{line} ; extra == {extra!r}" for extra, lines in optional for line in lines]
    return requires(name) or []


def applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))

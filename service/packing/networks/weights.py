"""Pack a state dict with the Python file of its class: the network is built, exported, compiled and proven.

    pack_weights(Path("net.pt"), ["net.py"], name="net")

The file has the class, whose weights these are, and `example_inputs`, what it is exported with: a tensor, a tuple of
the arguments of `forward`, a dict of them by name, or a function that gives one of these. A server runs the graph
alone, and no code of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load_file

from ...errors import in_a_line
from ...models.runtimes.bundled_code import carried
from ...store.versions import StoredVersion, check_name
from ..checkpoint import read_state_dict
from ..open_source_file import read_code
from .pack import LIBRARIES
from .program import Program, export_module
from .written import publish

__all__ = ["pack_weights"]

EXAMPLE = "example_inputs"
State = Mapping[str, torch.Tensor]


def pack_weights(path: Path | str, code: Iterable[Path | str], *, name: str, **options: Any) -> StoredVersion:
    """Pack weights as a new version of the network `name`. code: Python files; they run here. options: as of
    pack_network.

    Returns the new version. Raises ValueError that says what cannot be packed, and why.
    """
    check_name(name)
    path, files = Path(path), list(map(Path, code))
    state = load_file(path) if path.suffix == ".safetensors" else read_state_dict(path)
    try:
        with carried(read_code(files)) as modules:
            network = network_of(state, modules, path)
            program = Program(export_module(network, example_of(network, modules)))
    except ValueError:
        raise
    except Exception as error:  # the user's files may raise anything
        raise ValueError(f"{path}: its code fails: {type(error).__name__}: {in_a_line(error, 200)}") from error
    return publish(program, path, files, libraries=LIBRARIES, name=name, **options)


def classes(modules: Mapping[str, ModuleType]) -> Iterator[type[torch.nn.Module]]:
    """The networks that the files define themselves."""
    for name, module in modules.items():
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, torch.nn.Module) and each.__module__ == name:
                yield each


def network_of(state: State, modules: Mapping[str, ModuleType], path: Path) -> torch.nn.Module:
    """The network of the one class that has these weights. Raises ValueError."""
    found: list[torch.nn.Module] = []
    reasons = []
    for each in classes(modules):
        try:
            network = each()
            network.load_state_dict(state)
            found.append(network)
        except Exception as error:  # another class, or one that cannot be made without arguments
            reasons.append(f"{each.__name__}: {in_a_line(error, 120)}")
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(type(each).__name__ for each in found)
        raise ValueError(f"{path} holds the weights of several classes: {names}; give a file with one of them")
    told = "; ".join(reasons) or "it defines none"
    files = ", ".join(f"{name}.py" for name in modules)
    raise ValueError(f"no torch.nn.Module of {files}, made without arguments, has the weights of {path}: {told}")


def example_of(network: torch.nn.Module, modules: Mapping[str, ModuleType]) -> Any:
    """Raises ValueError where the file of the class says none."""
    module = modules[type(network).__module__]
    found = getattr(module, EXAMPLE, None)
    if found is None:
        raise ValueError(
            f"{module.__name__}.py has no {EXAMPLE}, which {type(network).__name__} is exported with: "
            f"{EXAMPLE} = torch.randn(2, 3, 224, 224), or a tuple of the arguments of forward"
        )
    return found() if callable(found) else found

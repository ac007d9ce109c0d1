"""Pack a network of torch: a .pt2 file, a program of torch.export, or a module with example inputs.

    pack_network(Path("model.pt2"), name="digits")
    pack_network(module, example_inputs, name="digits")

It is compiled by torch's exporter to an ONNX graph, which is kept only where its outputs are torch's, on the sample and
on invented inputs of other sizes (proof).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from ...models.networks.network import EXAMPLE, GRAPH, open_graph
from ...store.draft import Draft
from ...store.manifest import Manifest
from ...store.versions import StoredVersion, check_name
from ..open_source_file import open_store, promotes
from ..provenance import provenance
from ..torch_export import cause
from .archive import read_program
from .program import Program, export_module
from .proof import Proven, prove

__all__ = ["pack_network"]

LIBRARIES = ("torch", "onnxruntime", "onnxscript", "numpy")
SHOWN = 256  # numbers of the example that the manifest, and so the pages, may hold


def pack_network(
    network: Path | str | torch.nn.Module | torch.export.ExportedProgram,
    example_inputs: Any = None,
    *,
    name: str,
    store: Path | str | None = None,
    version: str | None = None,
    promote: bool | None = None,
    why: str = "",
    metrics: Mapping[str, Any] | None = None,
) -> StoredVersion:
    """Pack a network as a new version of the model `name`.

    network: the path of a .pt2 file, a program, or a module. example_inputs: of a module, a tensor, a tuple of the
    arguments of `forward`, or a dict of them by name. store, version, promote, why, metrics: as in `packing.pack`.

    Returns the new version. Raises ValueError that says what cannot be packed, and why.
    """
    check_name(name)
    path = Path(network) if isinstance(network, str | Path) else None
    if path is not None:
        exported = read_program(path)
    elif isinstance(network, torch.nn.Module):
        exported = export_module(network, example_inputs)
    else:
        exported = cast(torch.export.ExportedProgram, network)
    program = Program(exported)
    opened = open_store(store)
    with opened.adding(name, version, promote=promotes(promote), why=why) as draft:
        payload = {}
        if path is not None:
            shutil.copyfile(path, draft.folder / path.name)
            payload = {"payload": path.name}
        draft.manifest = compiled(draft, program, payload, dict(metrics or {}), path.name if path else "")
    return opened.open(draft.model, draft.version)


def compiled(draft: Draft, program: Program, payload: dict[str, str], metrics: dict[str, Any], source: str) -> Manifest:
    """The manifest of a draft that holds the graph, proven. Raises ValueError."""
    try:
        program.write_graph(draft.folder / GRAPH)
    except Exception as error:  # a network may do whatever torch's exporter has not
        raise ValueError(f"it cannot be compiled: {cause(error)}") from error
    spec: dict[str, Any] = {
        "task": "network",
        "parameter_count": program.parameter_count,
        "inputs": {each.name: each.to_json() for each in program.inputs},
        "outputs": program.outputs,
        "sizes": {name: list(limits) for name, limits in program.sizes.items()},
        "notes": notes_of(program),
        "runtime": {"name": "onnx", "compiler": "torch.onnx", "reference": "torch", "payload": GRAPH},
        **payload,
    }
    draft_version = StoredVersion(draft.folder, Manifest(draft.model, draft.version, "network", draft.digests(), spec))
    try:
        session = open_graph(draft_version)
    except Exception as error:  # ONNX Runtime raises types of its own
        raise ValueError(f"it cannot be compiled: its graph is not served: {cause(error)}") from error
    proven = prove(program, session)
    write_example(draft.folder / EXAMPLE, proven)
    for name, least in proven.least.items():
        spec["inputs"][name]["minimum"] = least
    spec["runtime"] |= proven.runtime
    return Manifest(
        model=draft.model,
        version=draft.version,
        kind="network",
        files=draft.digests(),
        spec=spec,
        example=shown_example(proven),
        metrics=metrics,
        provenance=provenance(*LIBRARIES, **({"source": source} if source else {})),
    )


def notes_of(program: Program) -> list[str]:
    if program.sizes:
        return []
    first = program.inputs[0]
    return [
        f"it was exported for tensors of exactly these shapes (input {first.name!r} is {list(first.shape)}), and takes "
        "no others: torch.export.export(..., dynamic_shapes=...) makes one for any number of rows"
    ]


def write_example(path: Path, proven: Proven) -> None:
    arrays = {f"in/{name}": array for name, array in proven.inputs.items()}
    arrays |= {f"out/{name}": array for name, array in proven.outputs.items()}
    np.savez(path, allow_pickle=False, **arrays)


def shown_example(proven: Proven) -> dict[str, Any]:
    """{"inputs", "outputs"}, by name, where it is small enough to be shown; else nothing."""
    if sum(array.size for array in (*proven.inputs.values(), *proven.outputs.values())) > SHOWN:
        return {}
    if not all(np.isfinite(array).all() for array in (*proven.inputs.values(), *proven.outputs.values())):
        return {}
    both = {"inputs": proven.inputs, "outputs": proven.outputs}
    return {key: {name: array.tolist() for name, array in arrays.items()} for key, arrays in both.items()}

"""Pack a network of torch: a .pt2 file, a program of torch.export, or a module with example inputs.

    pack_network(Path("model.pt2"), name="digits")
    pack_network(module, example_inputs, name="digits")

It is compiled by torch's exporter to an ONNX graph, which is kept only where its outputs are torch's, on the sample and
on invented inputs of other sizes (proof).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch

from ...store.versions import StoredVersion, check_name
from .archive import read_program
from .program import Program, export_module
from .written import publish

__all__ = ["LIBRARIES", "pack_network"]

LIBRARIES = ("torch", "onnxruntime", "onnxscript", "numpy")


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
    return publish(
        Program(exported),
        path,
        libraries=LIBRARIES,
        name=name,
        store=store,
        version=version,
        promote=promote,
        why=why,
        metrics=metrics,
    )

"""Export a torch module as an ONNX graph: torch's own exporter, with the weights laid out as ONNX Runtime maps them.

export(module, (ids,), folder / "model.onnx", inputs=["input_ids"], outputs=["logits"], dynamic=({0: "rows"},))
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import torch

from ..errors import in_a_line

__all__ = ["OPSET", "cause", "export", "quietly", "transpose_weights"]

OPSET = 21
LONGEST_REASON = 200  # characters
COLORS = re.compile("\x1b\\[[0-9;]*m")  # of terminals


def export(
    module: torch.nn.Module,
    arguments: tuple[Any, ...],
    path: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic: tuple[Any, ...],
) -> None:
    """Write the graph to `path`, and its weights to `path` + ".data".

    arguments: an example of what the module takes. dynamic: for each of them {dimension: name}, in the same nesting,
    of the dimensions that may have any size. Raises what torch's exporter raises.
    """
    with quietly(), torch.no_grad():
        program = torch.onnx.export(
            module,
            arguments,
            dynamo=True,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=named(dynamic),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None  # with dynamo=True it is never None
    transpose_weights(program.model)
    program.save(path, external_data=True)


def named(dynamic: Any) -> Any:
    """The names of dimensions as torch's Dim; the same name is the same size wherever it stands."""
    dims: dict[str, Any] = {}

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return dims.setdefault(value, torch.export.Dim(value))
        if isinstance(value, dict):
            return {key: renamed(each) for key, each in value.items()}
        return type(value)(renamed(each) for each in value)

    return renamed(dynamic)


def transpose_weights(model: onnx_ir.Model) -> None:
    """Replace every transposed weight by a weight that lies in the file as it is used.

    ONNX Runtime would transpose it at each load, into memory that the process keeps for itself.
    """
    graph = model.graph
    for node in list(graph):
        weight = node.inputs[0] if node.op_type == "Transpose" else None
        if weight is None or weight.const_value is None or weight.name is None or not weight.is_initializer():
            continue
        order = node.attributes["perm"].as_ints() if "perm" in node.attributes else None
        array = np.ascontiguousarray(weight.const_value.numpy().transpose(order))
        output = node.outputs[0]
        turned = onnx_ir.Value(name=output.name, const_value=onnx_ir.tensor(array, name=output.name))
        turned.shape, turned.dtype = onnx_ir.Shape(array.shape), weight.const_value.dtype
        output.replace_all_uses_with(turned)
        graph.remove(node)
        graph.register_initializer(turned)
        if not weight.uses():
            graph.initializers.pop(weight.name)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep the exporter's advice to its own developers out of the output."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def cause(error: BaseException) -> str:
    """What torch's exporter failed on, in a line: the first error of those that it has wrapped into each other."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = COLORS.sub("", str(error)).strip().splitlines() or ["no reason given"]
    return in_a_line(f"{type(error).__name__}: {lines[0]}", LONGEST_REASON)

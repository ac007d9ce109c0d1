"""A network whose only input is the rows of a table, as the ONNX graph that packing takes for any table.

graph = table_graph(module, frame)      # an onnx.ModelProto, proven to give torch's numbers
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from ...models.runtimes.onnx_files import session_of_bytes
from .archive import read_program
from .program import Program, export_module
from .proof import prove

__all__ = ["table_graph"]

MOST = 64  # rows that a module is exported with


def table_graph(network: Any, X: Any = None) -> onnx.ModelProto:
    """network: as pack_network has it. X: DataFrame of numbers that a module is exported with.

    Raises ValueError where it takes anything but numbers [rows, columns], of any number of rows.
    """
    if isinstance(network, str | Path):
        program = Program(read_program(Path(network)))
    elif isinstance(network, torch.nn.Module):
        try:
            rows = torch.tensor(X.iloc[:MOST].to_numpy(np.float32).copy())
        except (ValueError, TypeError) as error:
            raise ValueError(f"a network takes numbers, and the sample holds others: {error}") from None
        program = Program(export_module(network, rows))
    else:
        program = Program(network)
    shape = program.inputs[0].shape
    if len(program.inputs) > 1 or len(shape) != 2 or not isinstance(shape[0], str):
        taken = ", ".join(f"{each.name} {list(each.shape)}" for each in program.inputs)
        raise ValueError(
            f"it takes {taken}, and a table is one tensor of any number of rows and its columns: pack it without a "
            "sample of rows, as a network over tensors"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        program.write_graph(path)
        graph = onnx.load(path)
    prove(program, session_of_bytes(graph.SerializeToString()))
    return graph

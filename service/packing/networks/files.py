"""Which files hold a network over tensors, told by what they take; nothing of them is run.

is_network_file(Path("model.pt2"))      # True: a program of torch.export
is_network_file(Path("resnet.onnx"))    # True: an input has three dimensions or more, as no table has
"""

from __future__ import annotations

from pathlib import Path

from ...models.runtimes.graph_fields import GRAPH, INITIALIZER, below, fields, text
from ...models.runtimes.graph_files import SUFFIX
from ..torch_programs import is_program

__all__ = ["is_network_file"]

# Numbers of fields: of a graph, an input, its type, its shape; of a tensor.
INPUTS, NAME, TYPE, TENSOR, SHAPE, DIMENSION, TENSOR_NAME = 11, 1, 2, 1, 2, 1, 8
MOST_OF_A_TABLE = 2  # dimensions


def is_network_file(path: Path) -> bool:
    """Whether a file is packed as a network: a program of torch.export, or an ONNX graph that takes no table."""
    if path.suffix != SUFFIX:
        return is_program(path)
    try:
        return path.is_file() and takes_tensors(path.read_bytes())
    except ValueError:  # no graph: what opens it says so
        return False


def takes_tensors(content: bytes) -> bool:
    """Whether an input of an ONNX model has other dimensions than rows and columns. Raises ValueError for no model."""
    held = {text(name) for name in below(content, GRAPH, INITIALIZER, TENSOR_NAME)}
    for value in below(content, GRAPH, INPUTS):
        if next(map(text, below(value, NAME)), "") in held:
            continue
        for shape in below(value, TYPE, TENSOR, SHAPE):
            if sum(number == DIMENSION for number, _ in fields(shape)) > MOST_OF_A_TABLE:
                return True
    return False

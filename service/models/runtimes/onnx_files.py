"""A graph that somebody has exported, called as an estimator is: a .onnx file of skl2onnx, torch or any other tool.

    model = load(open("model.onnx", "rb"))
    model.methods                            # ("predict", "predict_proba"), each a method of the model, too
    model.answer("predict", frame)           # what its first output says, [rows] or [rows, width]

Each column of X goes to the input that it belongs to, in that input's type. A cell that the type cannot hold raises
ValueError: a number that float32 has not, a fraction where whole numbers are taken, a missing text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...errors import in_a_line
from .graph_files import SUFFIX
from .graph_reading import TEXT, WHOLE, GraphFile, Input, read_graph

__all__ = ["SUFFIX", "OnnxModel", "as_estimator", "load", "session_of_bytes"]


class OnnxModel:
    """`graph`: what was read of the file. `methods`: the names of its answers, each a method of X.

    X: ndarray [rows, columns] or DataFrame, the columns in the order of the inputs.
    """

    def __init__(self, graph: GraphFile) -> None:
        self.graph = graph
        self.methods = tuple(graph.answers)
        widths = [each.width for each in graph.inputs]
        if None not in widths:
            self.n_features_in_ = sum(width or 0 for width in widths)
            self.categories_ = graph.categories
        elif len(widths) > 1:
            raise ValueError("it has several inputs, and does not say how many columns each of them takes")
        if len(widths) > 1 and set(widths) == {1}:
            self.feature_names_in_ = np.array([each.name for each in graph.inputs], dtype=object)
        if graph.labels is not None:
            self.classes_ = np.array(graph.labels)
        self.session = session_of_bytes(graph.model.SerializeToString())
        for method in self.methods:
            setattr(self, method, partial(self.answer, method))

    def __deepcopy__(self, memo: Any) -> OnnxModel:
        return self  # nothing of it changes

    @property
    def texts(self) -> list[bool]:
        """Whether each column may hold any text, told for graphs that tell how many columns they have."""
        takes_text = [each.dtype == TEXT for each in self.graph.inputs for _ in range(each.width or 0)]
        return [takes and not known for takes, known in zip(takes_text, self.graph.categories, strict=True)]

    def answer(self, method: str, X: Any) -> np.ndarray:
        """[rows] for an output of one value a row, else [rows, width]. Raises ValueError for a cell it cannot take."""
        feeds = dict(self.feeds(X))
        tensor = self.graph.answers[method]
        rows = len(X)
        if self.graph.at_once is None or rows == 1:
            found = self.session.run([tensor], feeds)[0]
        else:
            each = [{name: cells[row : row + 1] for name, cells in feeds.items()} for row in range(rows)]
            found = np.concatenate([np.atleast_1d(self.session.run([tensor], feed)[0]) for feed in each])
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 and len(found) == rows else found

    def feeds(self, X: Any) -> Iterator[tuple[str, np.ndarray]]:
        width = X.shape[1]
        expected = getattr(self, "n_features_in_", width)
        if width != expected:
            raise ValueError(f"it takes {expected} columns, not {width}")
        end = 0
        for each in self.graph.inputs:
            begin, end = end, end + (width if each.width is None else each.width)
            yield each.name, column_values(X, begin, end, each)


def session_of_bytes(content: bytes) -> Any:
    """Raises ValueError with what ONNX Runtime says of a graph that it cannot run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is raised
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the worker has threads of its own
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises types of its own
        raise ValueError(f"ONNX Runtime cannot run it: {in_a_line(error, 240)}") from None


def column_values(X: Any, begin: int, end: int, to: Input) -> np.ndarray:
    """These columns of X as the input takes them, [rows, columns] or [rows]."""
    if hasattr(X, "iloc"):
        part = X.iloc[:, begin:end]
        cells = part.to_numpy(dtype=object) if to.dtype in (TEXT, "bool") or part.shape[1] > 1 else part.to_numpy()
    else:
        cells = np.asarray(X)[:, begin:end]
    cells = (as_text if to.dtype == TEXT else as_bool if to.dtype == "bool" else as_numbers)(cells, to.dtype)
    return np.ascontiguousarray(cells[:, 0] if to.flat else cells)


def as_text(cells: np.ndarray, dtype: str) -> np.ndarray:
    cells = cells.astype(object)
    if not all(isinstance(cell, str) for cell in cells.ravel()):
        raise ValueError("a cell that is no text, where the graph takes texts")
    return cells


def as_bool(cells: np.ndarray, dtype: str) -> np.ndarray:
    if not all(isinstance(cell, bool | np.bool_) for cell in cells.astype(object).ravel()):
        raise ValueError("a cell that is neither true nor false, where the graph takes truth values")
    return cells.astype(bool)


def as_numbers(cells: np.ndarray, dtype: str) -> np.ndarray:
    if cells.dtype == object and not (dtype in WHOLE and all(isinstance(cell, int) for cell in cells.ravel())):
        if any(isinstance(cell, str) for cell in cells.ravel()):
            raise ValueError("a text, where the graph takes numbers")
        cells = cells.astype(np.float64)
    if dtype in WHOLE:
        return as_whole(cells, np.dtype(dtype))
    with np.errstate(over="ignore"):
        numbers = cells.astype(dtype)
    if (np.isinf(numbers) & np.isfinite(cells.astype(np.float64))).any():
        raise ValueError(f"a number larger than {np.finfo(dtype).max:.4g}")
    return numbers


def as_whole(cells: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    if cells.dtype.kind == "f" and not (np.isfinite(cells) & (np.floor(cells) == cells)).all():
        raise ValueError("a missing cell or a fraction, where the graph takes whole numbers")
    limits = np.iinfo(dtype)
    if len(cells) and not (limits.min <= int(cells.min()) and int(cells.max()) <= limits.max):
        raise ValueError(f"a whole number that {dtype} has not")
    return cells.astype(dtype)


def load(file: BinaryIO, folder: Path | None = None) -> OnnxModel:
    """The model in an open file. folder: where it lies, where its weights may lie, too. Raises ValueError."""
    return OnnxModel(read_graph(file.read(), folder))


def as_estimator(model: Any) -> Any:
    """An onnx.ModelProto as an estimator; anything else as it is."""
    if type(model).__name__ == "ModelProto" and type(model).__module__.startswith("onnx"):
        return OnnxModel(read_graph(model.SerializeToString()))
    return model

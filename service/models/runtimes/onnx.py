"""The compiled runtime: a graph proven equal to the estimator, run by ONNX Runtime.

    runtime = OnnxRuntime(graph, described)
    runtime.run(X, ["predict", "predict_proba"])   # {"predict": array, "predict_proba": array}

`graph` is an ONNX model as bytes, `described` what the manifest says of it under "runtime".
Neither scikit-learn nor pandas is imported. The texts of a table come into the graph as counts of their tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from .graph_files import check_file
from .graph_rules import check_table
from .text_inputs import NumberInputs, TextInputs

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.versions import StoredVersion

__all__ = ["OnnxRuntime", "output_names"]

# Rows of a call of the session. What one needs is kept: 62 MB after 10,000 rows of an SVM, 6 after so many; the time of
# 10,000 rows is the same, or less.
PIECE = 1024

onnxruntime.set_default_logger_severity(3)  # errors alone: its warnings concern graphs written by other tools


class OnnxRuntime:
    """One session, shared by the worker's threads; a call computes what was asked for, on its own thread.

    `described`: "targets" {method: how many graph outputs make its answer}, "classes" (the labels
    that predict's places stand for, or a list of them a target), "largest" (the largest number the
    graph can take, or None), "at_once" (how many a call may hold, or None), "rules" ("file" where the graph is
    that of an ONNX file, which has more operators than packing writes). `texts`: of a graph that reads texts, what
    TextInputs takes.
    """

    def __init__(self, graph: bytes, described: Mapping[str, Any], texts: Mapping[str, Any] | None = None) -> None:
        (check_file if described.get("rules") == "file" else check_table)(graph)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the worker has threads of its own
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.names = {method: output_names(method, count) for method, count in described["targets"].items()}
        classes = described["classes"]
        self.by_target = bool(classes) and isinstance(classes[0], list)
        each = classes if self.by_target else [classes] if classes else []
        self.classes = [np.array(labels) for labels in each]
        self.largest = described["largest"]
        at_once = described["at_once"]
        if described.get("rules") != "file":  # what other tools have written may look at all rows together
            at_once = min(at_once or PIECE, PIECE)
        self.inputs = NumberInputs(at_once) if texts is None else TextInputs(texts, at_once, described["wide"])
        self.path = onnxruntime.RunOptions()
        self.path.only_execute_path_to_fetches = True

    @classmethod
    def load(cls, version: StoredVersion, settings: Settings) -> OnnxRuntime:
        """From the verified graph of a StoredVersion. Raises StartupError, or what ONNX Runtime raises."""
        described = version.manifest.spec["runtime"]
        texts = None
        if "texts" in described:
            with version.open(described["texts"]) as file:
                texts = json.load(file)
        with version.open(described["payload"]) as file:
            return cls(file.read(), described, texts)

    def run(self, X: Any, methods: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """X: ndarray [rows, columns] of numbers, or of objects where texts are among them.

        Returns {method: ndarray, or a list of them by target}. Raises ValueError for numbers beyond what the model
        can compute with.
        """
        pieces = self.inputs.pieces(X)
        if self.largest is not None and not all(allowed(piece["X"], self.largest) for piece in pieces if "X" in piece):
            raise ValueError(f"a number larger than {self.largest:.4g}")
        wanted = [name for method in methods for name in self.names[method]]
        results = [self.session.run(wanted, piece, self.path) for piece in pieces]
        arrays = iter(results[0]) if len(results) == 1 else map(np.concatenate, zip(*results, strict=True))
        answers: dict[str, Any] = {}
        for method in methods:
            parts = [next(arrays) for _ in self.names[method]]
            answers[method] = parts[0] if self.names[method] == [method] else parts
        if self.classes and "predict" in answers:
            answers["predict"] = self.labels(answers["predict"])
        return answers

    def labels(self, places: np.ndarray) -> np.ndarray:
        """The labels that the places stand for: shape [rows], or [rows, targets]."""
        if not self.by_target:
            return self.classes[0][places]
        return np.stack([labels[places[:, target]] for target, labels in enumerate(self.classes)], axis=1)


def allowed(X: np.ndarray, largest: float) -> bool:
    """Whether every number is within the range; missing ones are passed over."""
    flat = X.ravel()
    # For a single row, a place costs half of what a reduction does. Where a number is missing, its place is found.
    if -largest <= flat[flat.argmin()] and flat[flat.argmax()] <= largest:
        return True
    return not np.fmax.reduce(np.abs(flat)) > largest


def output_names(method: str, count: int | None) -> list[str]:
    """The graph outputs that make the answer of a method: one, or one a target where it gives a list."""
    return [method] if count is None else [f"{method}.{target}" for target in range(count)]

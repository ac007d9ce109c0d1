"""The compiled runtime: a graph proven equal to the estimator, run by ONNX Runtime.

    runtime = OnnxRuntime(graph, described)
    runtime.run(X, ["predict", "predict_proba"])   # {"predict": array, "predict_proba": array}

`graph` is an ONNX model as bytes, `described` what the manifest says of it under "runtime".
Neither scikit-learn nor pandas is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from .graph_files import check_file
from .graph_rules import check_table

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.versions import StoredVersion

__all__ = ["OnnxRuntime", "output_names"]

onnxruntime.set_default_logger_severity(3)  # errors alone: its warnings concern graphs written by other tools


class OnnxRuntime:
    """One session, shared by the worker's threads; a call computes what was asked for, on its own thread.

    `described`: "targets" {method: how many graph outputs make its answer}, "classes" (the labels
    that predict's places stand for, or a list of them a target), "largest" (the largest number the
    graph can take, or None), "at_once" (how many a call may hold, or None), "rules" ("file" where the graph is
    that of an ONNX file, which has more operators than packing writes).
    """

    def __init__(self, graph: bytes, described: Mapping[str, Any]) -> None:
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
        self.at_once = described["at_once"]
        self.path = onnxruntime.RunOptions()
        self.path.only_execute_path_to_fetches = True

    @classmethod
    def load(cls, version: StoredVersion, settings: Settings) -> OnnxRuntime:
        """From the verified graph of a StoredVersion. Raises StartupError, or what ONNX Runtime raises."""
        described = version.manifest.spec["runtime"]
        with version.open(described["payload"]) as file:
            return cls(file.read(), described)

    def run(self, X: Any, methods: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """X: ndarray [rows, columns] of numbers -> {method: ndarray, or a list of them by target}.

        Raises ValueError for numbers beyond what the model can compute with.
        """
        X = np.ascontiguousarray(X, dtype=np.float64)
        if self.largest is not None and not allowed(X, self.largest):
            raise ValueError(f"a number larger than {self.largest:.4g}")
        wanted = [name for method in methods for name in self.names[method]]
        if self.at_once is None or len(X) <= self.at_once:
            arrays = iter(self.session.run(wanted, {"X": X}, self.path))
        else:
            pieces = [X[start : start + self.at_once] for start in range(0, len(X), self.at_once)]
            results = [self.session.run(wanted, {"X": piece}, self.path) for piece in pieces]
            arrays = map(np.concatenate, zip(*results, strict=True))
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
    """Whether every number is within the range; fmax passes over missing ones."""
    return not np.fmax.reduce(np.abs(X), axis=None) > largest


def output_names(method: str, count: int | None) -> list[str]:
    """The graph outputs that make the answer of a method: one, or one a target where it gives a list."""
    return [method] if count is None else [f"{method}.{target}" for target in range(count)]

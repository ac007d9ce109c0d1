"""Tensors in, tensors out: a network's graph, run by ONNX Runtime in the worker.

model = NetworkModel.load(version, settings)
model.run(TensorCall({"image": image})).outputs      # {"logits": float32 [1, 10]}
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from ...capabilities import RUN_TENSORS, TensorCall
from ...errors import InvalidInstances, InvalidParameters, PredictionFailed, ServiceError, StartupError, in_a_line
from ..base import TurnModel
from ..runtimes.graph_files import check_file, external_files
from .plan import TensorPlan

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.manifest import Manifest
    from ...store.versions import StoredVersion

__all__ = ["EXAMPLE", "GRAPH", "NetworkModel", "TensorAnswer", "apart", "open_graph"]

log = logging.getLogger(__name__)

GRAPH = "served-network.onnx"  # the file that was packed may be called network.onnx
EXAMPLE = "example.npz"  # inputs as "in/<name>", the outputs for them as "out/<name>"
REPLAYED = 1e-3  # how far another processor's rounding may move a number, as a part of the largest
DIGITS = 4  # of the numbers that two versions are compared by
BEYOND = "out of data bounds"  # what ONNX Runtime says of a whole number that names nothing in a table of the network


@dataclass(frozen=True)
class TensorAnswer:
    """outputs: {name: ndarray}, in the order they were asked for. seconds: {stage: seconds}."""

    outputs: dict[str, np.ndarray]
    seconds: dict[str, float]
    tokens: None = None
    warnings: tuple[str, ...] = ()


class NetworkModel(TurnModel):
    """One loaded version of a network."""

    capabilities = (RUN_TENSORS,)

    def __init__(self, manifest: Manifest, session: Any, example: Mapping[str, np.ndarray], max_rows: float) -> None:
        """example: what EXAMPLE holds."""
        super().__init__(manifest)
        self.plan = TensorPlan.from_spec(manifest.spec)
        self.outputs = list(manifest.spec["outputs"])
        self._session, self._example, self.max_rows = session, example, max_rows
        self._path = onnxruntime.RunOptions()
        self._path.only_execute_path_to_fetches = True

    @classmethod
    def load(cls, version: StoredVersion, settings: Settings) -> NetworkModel:
        version.verify()
        try:
            session = open_graph(version)
            with version.open(EXAMPLE) as file, np.load(file, allow_pickle=False) as arrays:
                example = dict(arrays)
            return cls(version.manifest, session, example, settings.max_rows)
        except Exception as error:  # whatever a graph makes ONNX Runtime raise
            raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {in_a_line(error)}") from error

    def run(self, call: TensorCall, deadline: float | None = None) -> TensorAnswer:
        """Raises InvalidInstances, InvalidParameters, PayloadTooLarge or PredictionFailed."""
        began = perf_counter()
        names = self._chosen(call.outputs)
        feeds = self.plan.read(call, self.max_rows)
        checked = perf_counter()
        try:
            found = self._session.run(names, feeds, self._path)
        except Exception as error:  # ONNX Runtime raises types of its own
            log.exception("%s version %s raised while predicting", self.name, self.version)
            if BEYOND in str(error):
                raise InvalidInstances("a whole number is larger than the network has entries for") from error
            if self.plan.sizes.keys() - {self.plan.rows}:
                shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())
                raise InvalidInstances(f"the network computes nothing of tensors of these sizes: {shapes}") from error
            raise PredictionFailed(f"{self.name} failed; the server's log says why") from error
        seconds = {"check": checked - began, "predict": perf_counter() - checked}
        return TensorAnswer(dict(zip(names, found, strict=True)), seconds)

    def _chosen(self, names: list[str] | None) -> list[str]:
        unknown = [name for name in names or () if name not in self.outputs]
        if unknown:
            expected = f"any of {', '.join(self.outputs)}"
            raise InvalidParameters.naming(
                [{"parameter": "outputs", "expected": expected, "got": f"{name!r:.80}"} for name in unknown]
            )
        return list(dict.fromkeys(names)) if names else self.outputs

    @property
    def _inputs(self) -> dict[str, np.ndarray]:
        """Those of the example."""
        return {name: self._example[f"in/{name}"] for name in self.plan.inputs}

    def warm_up(self) -> None:
        which = f"{self.name} version {self.version}"
        try:
            found = self.run(TensorCall(self._inputs)).outputs
            far = [apart(array, self._example[f"out/{name}"]) for name, array in found.items()]
        except (ServiceError, KeyError) as error:
            raise StartupError(f"{which} fails on its own example: {error}") from error
        if not max(far) <= REPLAYED:
            raise StartupError(f"{which} gives its own example another answer")

    def sample(self) -> list[Any]:
        return [self._inputs]

    def answer_sample(self, items: list[Any]) -> list[Any]:
        answers: list[Any] = []
        for item in items:
            try:
                found = self.run(TensorCall(item)).outputs
            except ServiceError:
                answers.append(None)
                continue
            answers.append({name: rounded(array).tolist() for name, array in found.items()})
        return answers


def open_graph(version: StoredVersion) -> Any:
    """The session of a version's graph, whose weights are mapped from its file: workers share them.

    Raises ValueError, and what ONNX Runtime raises.
    """
    with version.open(version.manifest.spec["runtime"]["payload"]) as file:
        content = file.read()
    check_file(content)
    external_files(content, version.folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the worker has threads of its own
    options.log_severity_level = 4  # what is wrong is raised
    path = version.folder / version.manifest.spec["runtime"]["payload"]
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def rounded(array: np.ndarray) -> np.ndarray:
    return np.round(array.astype(np.float64), DIGITS) if array.dtype.kind == "f" else array


def apart(found: np.ndarray, wanted: np.ndarray) -> float:
    """How far two arrays are from each other, as a part of the largest number of the second; infinite for other shapes
    or types, for NaN or infinities elsewhere, and for whole numbers or truth values that are not the same.
    """
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return math.inf
    if found.dtype.kind != "f":
        return 0.0 if np.array_equal(found, wanted) else math.inf
    sound = np.isfinite(wanted)
    if not np.array_equal(found[~sound], wanted[~sound], equal_nan=True) or not np.isfinite(found[sound]).all():
        return math.inf
    if not sound.any():
        return 0.0
    exact = wanted[sound].astype(np.float64)
    return float(np.abs(found[sound].astype(np.float64) - exact).max() / (np.abs(exact).max() or 1.0))

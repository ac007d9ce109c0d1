"""Images in, labels out: a network of transformers as a graph, and the preprocessing of its checkpoint.

    model = ImageClassifier.load(version, settings)
    model.run(ClassifyImageCall([content], top_k=2)).values
    # [[{"label": "cat", "score": 0.93}, {"label": "dog", "score": 0.04}]]

Neither torch nor transformers is imported.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from ...capabilities import CLASSIFY_IMAGE, ClassifyImageCall, Unread
from ...errors import DeadlineExceeded, PayloadTooLarge, ServiceError, StartupError, in_a_line
from ..base import TurnModel
from ..class_scores import scores
from ..runtimes.graph_rules import check_decoder
from ..tables.output import close
from ..tables.violations import Violations
from .decoding import Opened, Unreadable, opened
from .pixels import Preparing

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.manifest import Manifest
    from ...store.versions import StoredVersion

__all__ = ["GRAPH_INPUT", "ImageAnswer", "ImageClassifier", "best", "session"]

GRAPH_INPUT = "pixel_values"
AT_ONCE = 8  # images in one run of the graph: more are hardly quicker, and take memory
MOST_IMAGES = 256  # of a request: each costs the network the same, however small it is
TOGETHER = 4  # the pixels of a request's images, in those that one may have
REPLAYED = 1e-3  # how far another processor's rounding may move a score


@dataclass(frozen=True)
class ImageAnswer:
    """scores: float64 [images, labels], as transformers' pipelines read them. top_k: labels that `values` has of each.
    seconds: {stage: seconds}."""

    labels: Sequence[str]
    scores: np.ndarray
    top_k: int
    seconds: dict[str, float]
    tokens: None = None
    warnings: tuple[str, ...] = ()

    @property
    def values(self) -> list[list[dict[str, Any]]]:
        """Of each image its most probable labels, the best first: {"label", "score"}."""
        return [best(self.labels, row, self.top_k) for row in self.scores]

    @property
    def first(self) -> list[str]:
        """The most probable label of each image."""
        return [self.labels[place] for place in self.scores.argmax(axis=1)]


def best(labels: Sequence[str], row: np.ndarray, count: int) -> list[dict[str, Any]]:
    """row: float64 [labels]. Of equal ones the first stands first."""
    return [{"label": labels[at], "score": float(row[at])} for at in np.argsort(-row, kind="stable")[:count]]


class ImageClassifier(TurnModel):
    """One loaded version. Its example has `instances`, images in base64, and what they get as `predictions`."""

    capabilities = (CLASSIFY_IMAGE,)

    def __init__(self, manifest: Manifest, graph: onnxruntime.InferenceSession, settings: Settings) -> None:
        super().__init__(manifest)
        self.preparing = Preparing(manifest.spec["preprocessing"])
        self.max_images = min(settings.max_rows, MOST_IMAGES)
        self.max_pixels = settings.max_pixels
        self._graph = graph

    @classmethod
    def load(cls, version: StoredVersion, settings: Settings) -> ImageClassifier:
        version.verify()
        path = version.folder / version.manifest.spec["runtime"]["payload"]
        try:
            check_decoder(path.read_bytes(), version.manifest.files)
            return cls(version.manifest, session(path, settings.compute_threads), settings)
        except Exception as error:  # the parsers of graphs raise all kinds of exceptions
            raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {in_a_line(error)}") from error

    def run(self, call: ClassifyImageCall, deadline: float | None = None) -> ImageAnswer:
        """Raises InvalidInstances that names every image which cannot be read, and as `TurnModel.run`."""
        began = perf_counter()
        if len(call.images) > self.max_images:
            raise PayloadTooLarge(f"{len(call.images)} images in one request; at most {self.max_images} are taken")
        cut = self.cut(call.images, deadline)
        decoded = perf_counter()
        logits = np.concatenate(list(self.logits(cut, deadline)))
        seconds = {"decode": decoded - began, "predict": perf_counter() - decoded}
        spec = self.manifest.spec
        return ImageAnswer(spec["labels"], scores(logits, spec["problem"]), call.top_k, seconds)

    def cut(self, images: Sequence[bytes | Unread], deadline: float | None = None) -> list[np.ndarray]:
        """uint8 [height, width, 3] of each image, resized and cropped. All headers are read before any pixel is.

        Raises as `run`.
        """
        violations = Violations()
        if not images:
            violations.add(None, None, "images, at least one", "none")
        heads = {row: head for row, image in enumerate(images) if (head := self.head(row, image, violations))}
        pixels, most = sum(map(pixels_of, heads.values())), TOGETHER * self.max_pixels
        if pixels > most:
            raise PayloadTooLarge(f"the images have {pixels} pixels together; at most {most} are taken in one request")
        cut = []
        for row, head in heads.items():
            check(deadline)
            try:
                image = head.image()
            except Unreadable as error:
                violations.add(row, None, *error.why)
            else:
                if not violations.total:  # otherwise nothing will be predicted
                    cut.append(self.preparing.cut(image))
        violations.refuse()
        return cut

    def head(self, row: int, image: bytes | Unread, violations: Violations) -> Opened | None:
        """An image whose header is sound; None where it is not, which is added to the violations."""
        try:
            if isinstance(image, Unread):
                raise Unreadable(*image)
            found = opened(image, self.max_pixels)
            width, height = found.size
            if self.preparing.work(width, height) > self.max_pixels:
                raise Unreadable("an image whose sides are less unlike", f"{width} x {height} pixels")
        except Unreadable as error:
            violations.add(row, None, *error.why)
            return None
        return found

    def logits(self, cut: Sequence[np.ndarray], deadline: float | None = None) -> Iterator[np.ndarray]:
        """float32 [images, labels] of up to AT_ONCE images at a time. Raises DeadlineExceeded."""
        for start in range(0, len(cut), AT_ONCE):
            check(deadline)
            numbers = self.preparing.numbers(cut[start : start + AT_ONCE])
            yield self._graph.run(None, {GRAPH_INPUT: numbers})[0]

    def warm_up(self) -> None:
        """Replay the stored example. Raises StartupError where the answer is another."""
        example = self.manifest.example
        try:
            (given,) = self.answered(example["instances"], top_k=len(self.manifest.spec["labels"]))
        except ServiceError as error:
            raise StartupError(f"{self.name} version {self.version} fails on its own example: {error}") from error
        (stored,) = example["predictions"]
        found = {each["label"]: each["score"] for each in given}
        if not all(close(found.get(each["label"]), each["score"], REPLAYED, REPLAYED) for each in stored):
            raise StartupError(f"{self.name} version {self.version} gives its own example another answer")

    def sample(self) -> list[Any]:
        return self.manifest.example["instances"]

    def answer_sample(self, items: list[Any]) -> list[Any]:
        return self.answered(items)

    def answered(self, items: list[dict[str, str]], **options: int) -> list[Any]:
        """items: {"b64"} of images. options: of the call."""
        return self.run(ClassifyImageCall([b64decode(item["b64"]) for item in items], **options)).values


def pixels_of(head: Opened) -> int:
    width, height = head.size
    return width * height


def check(deadline: float | None) -> None:
    if deadline is not None and perf_counter() > deadline:
        raise DeadlineExceeded("the request's deadline passed before all of its images were classified")


def session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Of a graph whose weights lie beside it, for any number of threads at once. threads: of one run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")  # between two calls, threads do not spin
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

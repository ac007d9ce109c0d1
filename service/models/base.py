"""What every kind of model offers to the predictor.

A model never sees HTTP: it takes a call of plain Python values, and answers plain Python values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from ..capabilities import Capability
    from ..settings import Settings
    from ..store.manifest import Manifest
    from ..store.versions import StoredVersion

__all__ = ["Answer", "Model", "StreamingModel", "TurnModel"]


class Answer(Protocol):
    """What a call gives: at least where its time went, and which tokens it read and wrote.

    seconds: {stage: seconds}. tokens: (of prompts, of completions), or None. warnings: sentences for the caller.
    """

    @property
    def seconds(self) -> dict[str, float]: ...

    @property
    def tokens(self) -> tuple[int, int] | None: ...

    @property
    def warnings(self) -> Sequence[str]: ...


class Model(ABC):
    """One loaded version of a model.

    capabilities: what it can do; dialects, the page and the command line dispatch on these alone. min_threads: of a
    worker that serves it. reads_one_text: whether a row of its tables is a text, and nothing else. made_for_texts: of
    such a one, whether it is a network that was trained on texts: then it answers what is asked as a text. has_queue:
    whether its engine bounds what waits.
    """

    capabilities: ClassVar[tuple[Capability, ...]] = ()
    min_threads: ClassVar[int] = 1
    reads_one_text = False
    made_for_texts: ClassVar[bool] = False
    has_queue: ClassVar[bool] = False

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.name: str = manifest.model
        self.version: str = manifest.version

    @property
    def failure(self) -> str | None:
        """Why it can serve no more, a sentence; None while it can."""
        return None

    @property
    def kind(self) -> str:
        """How it was packed and is loaded: a key of models.KINDS."""
        return self.manifest.kind

    @classmethod
    @abstractmethod
    def load(cls, version: StoredVersion, settings: Settings) -> Model:
        """Check the version's digests, then load it. Raises StartupError."""

    @abstractmethod
    def warm_up(self) -> None:
        """Replay the stored example. Raises StartupError if the answer is not the stored one."""

    def optimize(self, settings: Settings) -> None:  # noqa: B027, most models have nothing to do
        """Let concurrent requests share calls, or whatever else pays for this model; called once, after warm_up."""

    def shared_by(self, call: Any) -> Any:
        """A key that is equal for calls which `run_together` may answer at once; None for a call to be run alone."""
        return None

    def stop(self) -> None:  # noqa: B027, most models have nothing to do
        """End all work that is running, as cancelled; called when the worker's time for leaving is up."""

    def sample(self) -> list[Any]:
        """What it was proven on and keeps: one item a call, for comparing it with another version."""
        return []

    def answer_sample(self, items: list[Any]) -> list[Any]:
        """A plain answer for each item of a sample; None where it cannot answer it."""
        return [None] * len(items)

    def describe(self) -> dict[str, Any]:
        """What a caller may know: JSON-ready, and the same for every dialect."""
        manifest = self.manifest
        return {
            "name": manifest.model,
            "version": manifest.version,
            "kind": self.kind,
            "capabilities": [capability.name for capability in self.capabilities],
            "created": manifest.created,
            **manifest.spec,
            "example": manifest.example,
            "metrics": manifest.metrics,
            "provenance": manifest.provenance,
        }


class TurnModel(Model):
    """A model that answers a call at once, in one step (a capability that is `in_turn`)."""

    @abstractmethod
    def run(self, call: Any, deadline: float | None = None) -> Answer:
        """Answer one call of a capability of this model.

        deadline: a `perf_counter()` moment, or None. Raises InvalidInstances, InvalidParameters, PayloadTooLarge,
        PredictionFailed or DeadlineExceeded.
        """

    def run_together(self, calls: Sequence[Any]) -> Sequence[Answer]:
        """Answer calls with one key of `shared_by`, in their order. Where it raises, each of them may be run alone."""
        raise NotImplementedError


class StreamingModel(Model):
    """A model whose work is started and runs beside other requests' work (a capability that is not `in_turn`)."""

    @abstractmethod
    def generations(self, call: Any) -> list[Any]:
        """The work of one call, checked and not yet started: a completion.Generation for each completion.

        Raises InvalidParameters where any of them is wrong.
        """

    @abstractmethod
    def answer(self, call: Any, completions: Sequence[Any], seconds: float) -> Answer:
        """The finished completions of a call, `seconds` after its start, as its answer."""

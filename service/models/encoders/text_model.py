"""What the models around an encoder have in common that answer texts with something else than a row of a table.

class TokenClassifier(TextModel):
    def run(self, call, deadline=None) -> TextAnswer: ...
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import ServiceError, StartupError
from ...scheduling.admission import RESERVED_THREADS
from ..base import TurnModel
from ..tables.output import close
from .loading import open_encoder
from .tokens import Tokens

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.manifest import Manifest
    from ...store.versions import StoredVersion

__all__ = ["PARAMETER", "TextAnswer", "TextModel"]

PARAMETER = "texts"  # in errors
REPLAYED = 1e-3  # how far another processor's rounding may move a number from 0 to 1
Loaded = TypeVar("Loaded", bound="TextModel")


@dataclass(frozen=True)
class TextAnswer:
    """values: a plain value for each text. seconds: {stage: seconds}. tokens: (of what was read, none written)."""

    values: list[Any]
    seconds: dict[str, float]
    tokens: tuple[int, int]
    warnings: tuple[str, ...] = ()


class TextModel(TurnModel):
    """One loaded version. Its example has `instances`, which are texts, and what they get as `predictions`."""

    min_threads = RESERVED_THREADS + 1
    has_queue = True

    def __init__(self, manifest: Manifest, tokens: Tokens, engine: Any, settings: Settings) -> None:
        """engine: an EncoderEngine or a RemoteEncoder."""
        super().__init__(manifest)
        self.tokens, self.engine = tokens, engine
        self.max_texts = settings.max_rows

    @classmethod
    def load(cls: type[Loaded], version: StoredVersion, settings: Settings) -> Loaded:
        return cls(version.manifest, *open_encoder(version, settings), settings)

    @property
    def failure(self) -> str | None:
        return self.engine.failure

    @abstractmethod
    def answers(self, texts: list[Any]) -> list[Any]:
        """A plain answer for each text of a sample, cut where it is too long. Raises as `run`."""

    def fits(self, given: list[Any], expected: list[Any]) -> bool:
        """Whether answers to the example are those that are stored."""
        return close(given, expected, REPLAYED, REPLAYED)

    def warm_up(self) -> None:
        """Replay the stored example; once for each engine. Raises StartupError where the answer is another."""
        if self.engine.proven:
            return
        example = self.manifest.example
        try:
            given = self.answers(example["instances"])
        except ServiceError as error:
            raise StartupError(f"{self.name} version {self.version} fails on its own example: {error}") from error
        if not self.fits(given, example["predictions"]):
            raise StartupError(f"{self.name} version {self.version} gives its own example another answer")
        self.engine.proven = True

    def stop(self) -> None:
        self.engine.stop()

    def sample(self) -> list[Any]:
        return self.manifest.example["instances"]

    def answer_sample(self, items: list[Any]) -> list[Any]:
        return self.answers(items)

"""A third capability, made here and nowhere in the service: a model that counts the letters of texts.

with served(monkeypatch, store): ...     # the V1 dialect answers its calls; no other dialect does
"""

from dataclasses import dataclass, field

from service import models
from service.capabilities import Capability
from service.errors import InvalidInstances
from service.models.base import TurnModel
from service.store.manifest import Manifest
from service.store.versions import Store
from service.wire import Adapter, Decoded, Encoded, v1
from service.wire.json_body import dump

__all__ = ["COUNT_LETTERS", "LetterCounter", "install", "pack_letters"]

COUNT_LETTERS = Capability("count_letters", "counts", "counts letters")


@dataclass
class LettersCall:
    texts: list
    capability = COUNT_LETTERS


@dataclass
class LettersAnswer:
    counts: list
    seconds: dict = field(default_factory=lambda: {"predict": 1e-6})
    tokens = None
    warnings = ()


class LetterCounter(TurnModel):
    capabilities = (COUNT_LETTERS,)

    @classmethod
    def load(cls, version, settings):
        version.verify()
        return cls(version.manifest)

    def warm_up(self):
        assert self.run(LettersCall(self.manifest.example["instances"])).counts == self.manifest.example["counts"]

    def run(self, call, deadline=None):
        if not all(isinstance(text, str) for text in call.texts):
            raise InvalidInstances("expected texts", details=[{"row": 0, "expected": "a text", "got": "none"}])
        return LettersAnswer([sum(map(str.isalpha, text)) for text in call.texts])


def decode(request, _model):
    return Decoded(LettersCall(request.json["instances"]))


def encode(_model, _request, _decoded, answer):
    return Encoded(dump({"predictions": answer.counts}))


def install(monkeypatch):
    """Make the kind known, and let the V1 dialect speak of the capability."""
    monkeypatch.setitem(models.KINDS, "letters", f"{__name__}:LetterCounter")
    monkeypatch.setitem(v1.ADAPTERS, COUNT_LETTERS, Adapter(decode, encode))


def pack_letters(store):
    with Store(store).adding("letters") as draft:
        example = {"instances": ["a1 b"], "counts": [2]}
        draft.manifest = Manifest(draft.model, draft.version, "letters", files={}, spec={}, example=example)

"""One running completion: token ids go in, pieces of text come out, and the reason it ended.

generation = model.stream("Once upon a time", params)
for piece in generation:
    print(piece, end="")
generation.finish_reason, generation.completion_tokens      # "length", 64
"""

from contextlib import closing
from dataclasses import dataclass

__all__ = ["Completion", "Generation"]


@dataclass(frozen=True)
class Completion:
    """A finished generation. finish_reason: "stop" (end token or stop string) or "length"."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class Generation:
    """An iterator of text pieces, none of them empty. Nothing runs before the first is asked for.

    finish_reason is None while it runs; then "stop", "length", or "cancelled" after close().
    completion_tokens counts every generated token, an end token too.
    """

    def __init__(self, tokens, detokeniser, *, prompt_tokens, eos_ids=()):
        """tokens: the engine's generator of ids; it is closed with this object."""
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self.finish_reason = None
        self._detokeniser = detokeniser
        self._eos_ids = eos_ids
        self._pieces = self._run(tokens)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._pieces)

    def close(self):
        """End it now, wherever it is; harmless after the end."""
        self._pieces.close()
        self.finish_reason = self.finish_reason or "cancelled"

    def collect(self):
        """Run to the end: the Completion. Raises PredictionFailed."""
        text = "".join(self)
        return Completion(text, self.finish_reason, self.prompt_tokens, self.completion_tokens)

    def _run(self, tokens):
        with closing(tokens):
            reason = "length"
            for token in tokens:
                self.completion_tokens += 1
                piece = "" if token in self._eos_ids else self._detokeniser.push(token)
                if token in self._eos_ids or self._detokeniser.stopped:
                    reason = "stop"
                if piece:
                    yield piece
                if reason == "stop":
                    break
        rest = self._detokeniser.flush()
        self.finish_reason = "stop" if self._detokeniser.stopped else reason
        if rest:
            yield rest

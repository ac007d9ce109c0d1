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
    """A finished generation. finish_reason: "stop" (end token or stop string), "length" or "cancelled"."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class Generation:
    """An iterator of text pieces, none of them empty. Nothing runs before start(), or the first piece is asked for.

    finish_reason is None while it runs; then "stop", "length", or "cancelled" after close().
    completion_tokens counts every generated token, an end token too.
    """

    def __init__(self, tokens, detokeniser, *, prompt_tokens, eos_ids=()):
        """tokens: the engine's Sequence; it is closed with this object."""
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self.finish_reason = None
        self._detokeniser = detokeniser
        self._eos_ids = eos_ids
        self._tokens = tokens
        self._pieces = self._run(tokens)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._pieces)

    def start(self):
        """Let the engine begin, so that several run together. Raises Overloaded or ModelNotReady."""
        self._tokens.start()

    def cancel(self):
        """End it from any thread: whoever waits for its next piece finds it at its end, within one step."""
        self._tokens.close()

    def close(self):
        """End it now, wherever it is; harmless after the end. For the thread that iterates."""
        self._tokens.close()
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
            else:
                reason = "cancelled" if tokens.cancelled else reason
        rest = self._detokeniser.flush()
        self.finish_reason = "stop" if self._detokeniser.stopped else reason
        if rest:
            yield rest

"""One running completion: token ids go in, pieces of text come out, and the reason it ended.

generation = model.stream("Once upon a time", params)
for piece in generation:
    print(piece, end="")
generation.finish_reason, generation.completion_tokens      # "length", 64
"""

from dataclasses import dataclass

__all__ = ["Completion", "Generation"]


@dataclass(frozen=True)
class Completion:
    """A finished generation. finish_reason: "stop" (end token or stop string), "length" or "cancelled".

    logprobs: a TokenLogprobs for each token of the text, where they were asked for.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    logprobs: tuple = ()


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
        self._tokens, self._iterator = tokens, iter(tokens)

    def __iter__(self):
        return self

    def __next__(self):
        while self.finish_reason is None:
            try:
                token = next(self._iterator, None)
            except BaseException:
                self.close()
                raise
            if piece := self.take(token):
                return piece
        raise StopIteration

    def start(self, outbox=None, place=0):
        """Let the engine begin, so that several run together. Raises Overloaded or ModelNotReady.

        outbox: a queue that gets (place, token id, None at the end, or an exception) for `take`, so that one
        thread may wait for many.
        """
        if outbox is not None:
            self._tokens.send_to(outbox, place)
        self._tokens.start()

    def take(self, token):
        """The next token id, None at the end -> the text that is certain by now, often ""."""
        if token is None:
            return self._end("cancelled" if self._tokens.cancelled else "length")
        self.completion_tokens += 1
        if token in self._eos_ids:
            return self._end("stop")
        piece = self._detokeniser.push(token)
        return piece + self._end("stop") if self._detokeniser.stopped else piece

    def logprobs(self, start=0):
        """TokenLogprobs of the tokens taken, from the one at place `start` on; an end token is none of them."""
        taken = self._tokens.logprobs[start : self.completion_tokens]
        return tuple(one for one in taken if one.token not in self._eos_ids)

    def cancel(self):
        """End it from any thread: whoever waits for its next piece finds it at its end, within one step."""
        self._tokens.close()

    def close(self):
        """End it now, wherever it is; harmless after the end."""
        self._tokens.close()
        self.finish_reason = self.finish_reason or "cancelled"

    def collect(self):
        """Run to the end: the Completion. Raises PredictionFailed."""
        return self.completion("".join(self))

    def completion(self, text):
        """What is known at its end, with the text that its pieces made."""
        return Completion(text, self.finish_reason, self.prompt_tokens, self.completion_tokens, self.logprobs())

    def _end(self, reason):
        self._tokens.close()
        rest = self._detokeniser.flush()
        self.finish_reason = "stop" if self._detokeniser.stopped else reason
        return rest

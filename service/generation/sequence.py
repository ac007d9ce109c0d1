"""One completion on its way through the engine: token ids, where its keys and values are, what comes out.

sequence = engine.generate([504, 1418], SamplingParams(max_tokens=8), eos_ids={2})
sequence.start()                      # now, or at its first token; raises Overloaded
for token in sequence: ...            # as they are written; an end token is the last
sequence.close()                      # from any thread: the engine drops it within one step
"""

from queue import SimpleQueue

import numpy as np

from .sampling import Sampler, token_logprobs

__all__ = ["Sequence"]

ENDED = None


class Sequence:
    """An iterator of token ids for its one consumer; for the engine, the state of one row."""

    def __init__(self, engine, prompt_ids, params, ends, guide=None):
        """prompt_ids: at least one id. ends: ids that end it; the one that did is its last. guide: a Guide, or None."""
        self.params = params
        self.logprobs = []  # a TokenLogprobs for each token given so far, where params.logprobs asks for them
        self.cancelled = False
        self.started = False
        self._engine = engine
        self.ends = ends
        self._outbox = SimpleQueue()
        self._put = self._outbox.put
        self._open = True
        self._sampler = Sampler(params, prompt_ids, guide)
        self._ids = np.empty(len(prompt_ids) + params.max_tokens, np.int32)
        self._ids[: len(prompt_ids)] = prompt_ids
        self.prompt_tokens = self.length = len(prompt_ids)
        # Of its `length` tokens, the first `held` have keys and values in `slot`.
        self.slot, self.held = None, 0

    # --- the consumer's side

    def start(self):
        """Hand it to the engine. Raises Overloaded or ModelNotReady."""
        if not (self.started or self.cancelled):
            self._engine.submit(self)
            self.started = True

    def send_to(self, outbox, place):
        """Put (place, item) into this queue instead of being iterated: token ids, and at the end None or an error."""
        self._put = lambda item: outbox.put((place, item))

    def __iter__(self):
        return self

    def __next__(self):
        """The next token id, as soon as there is one. Raises what start() and a Sampler do."""
        if self.cancelled or not self._open:
            raise StopIteration
        self.start()
        item = self._outbox.get()
        if isinstance(item, int) and not self.cancelled:
            return item
        self._open = False
        if isinstance(item, Exception):
            raise item
        raise StopIteration

    def close(self):
        """No more of it is wanted. Harmless after the end."""
        if not self.cancelled:
            self.cancelled = True
            self._engine.withdraw(self)

    # --- the engine's side

    @property
    def reserved(self):
        """Tokens it may come to hold."""
        return len(self._ids)

    @property
    def ids(self):
        """The prompt and what was written after it: int32 array."""
        return self._ids[: self.length]

    def unread(self, limit):
        """Ids that have no keys and values yet, at most `limit` of them."""
        return self._ids[self.held : min(self.length, self.held + limit)]

    def advance(self, logits):
        """Draw the next token by its logits [vocabulary]; True if it is the last. Raises what a Sampler does."""
        token = self._sampler(logits)
        if self.params.logprobs is not None:
            self.logprobs.append(token_logprobs(logits, token, self.params.logprobs))
        self._ids[self.length] = token
        self.length += 1
        self._put(token)
        return token in self.ends or self.length == self.reserved

    def finish(self, error=None):
        """Tell the consumer that nothing more comes, or why."""
        self._put(ENDED if error is None else error)

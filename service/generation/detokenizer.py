"""From token ids to text, piece by piece: never half a character, never a part of a stop string.

detokenizer = Detokenizer(decode, prompt_ids=[504], stop=("\\n",))
detokenizer.push(1418), detokenizer.push(216)      # " there", "" ...
detokenizer.stopped, detokenizer.flush()           # whether a stop string came; the text still held back
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["Detokenizer"]

UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # what a decoder writes for bytes that are no character (yet)
CONTEXT = 6  # tokens of the prompt decoded along: many decoders drop a space at the start of a text


class Detokenizer:
    """The text of one growing completion.

    `decode` turns a list of ids into text. A character is returned once it is whole and can no longer belong to a
    stop string.
    """

    def __init__(
        self, decode: Callable[[list[int]], str], prompt_ids: Sequence[int] = (), stop: Sequence[str] = ()
    ) -> None:
        self.stopped = False
        self._decode = decode
        self._stop = stop
        self._ids = list(prompt_ids)[-CONTEXT:]
        self._start, self._read = 0, len(self._ids)  # ids[start:read] have been returned, and are decoded as context
        self._held = ""  # text that may be the beginning of a stop string

    def push(self, token: int) -> str:
        """Take one token id; return the text that is certain by now, often ""."""
        self._ids.append(token)
        text = self._new_text()
        if not text or text.endswith(UNFINISHED):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return self._until_stop(text)

    def flush(self) -> str:
        """Return the rest, after the last token. Bytes that never became a character are dropped."""
        if self.stopped:
            return ""
        rest = self._until_stop(self._new_text().rstrip(UNFINISHED)) + self._held
        self._held, self._read = "", len(self._ids)
        return rest

    def _new_text(self) -> str:
        context = self._decode(self._ids[self._start : self._read])
        return self._decode(self._ids[self._start :])[len(context) :]

    def _until_stop(self, new: str) -> str:
        """The text before a stop string; without one, all of it but an end that may begin one, which is held."""
        text = self._held + new
        ends = [end for end in map(text.find, self._stop) if end >= 0]
        if ends:
            self.stopped, self._held = True, ""
            return text[: min(ends)]
        certain = len(text) - self._possible_stop(text)
        self._held = text[certain:]
        return text[:certain]

    def _possible_stop(self, text: str) -> int:
        """Characters of the longest end of `text` that begins a stop string."""
        lengths = (size for stop in self._stop for size in range(1, len(stop)) if text.endswith(stop[:size]))
        return max(lengths, default=0)

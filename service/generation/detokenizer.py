"""From token ids to text, piece by piece: no half character, no part of a stop string.

text = Detokenizer(decode, prompt_ids=[504], stop=("\\n",))
text.push(1418), text.push(216)      # " there", "" ...
text.stopped, text.flush()           # whether a stop string came; what was still held back
"""

__all__ = ["Detokenizer"]

UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # what a decoder writes for bytes that are no character (yet)
CONTEXT = 6  # tokens of the prompt decoded along: many decoders drop a space at the start of a text


class Detokenizer:
    """The text of one growing completion.

    `decode` turns a list of ids into text. Characters are given out once they are whole,
    and not while they could still be the beginning of a stop string.
    """

    def __init__(self, decode, prompt_ids=(), stop=()):
        self.stopped = False
        self._decode = decode
        self._stop = stop
        self._ids = list(prompt_ids)[-CONTEXT:]
        self._start, self._read = 0, len(self._ids)  # ids[start:read] are decoded again, as context only
        self._held = ""

    def push(self, token):
        """Take one token id; return the text that is certain by now, often ""."""
        self._ids.append(token)
        new = self._new_text()
        if not new or new.endswith(UNFINISHED):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return self._through_stops(new)

    def flush(self):
        """The rest, when no token comes any more. Bytes that never became a character are dropped."""
        if self.stopped:
            return ""
        rest = self._through_stops(self._new_text().rstrip(UNFINISHED)) + self._held
        self._held, self._read = "", len(self._ids)
        return rest

    def _new_text(self):
        context = self._decode(self._ids[self._start : self._read])
        return self._decode(self._ids[self._start :])[len(context) :]

    def _through_stops(self, new):
        text = self._held + new
        found = [place for place in (text.find(one) for one in self._stop) if place >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        sure = len(text) - self._possible_stop(text)
        self._held = text[sure:]
        return text[:sure]

    def _possible_stop(self, text):
        """The length of the longest end of `text` that begins a stop string."""
        lengths = (size for one in self._stop for size in range(1, len(one)) if text.endswith(one[:size]))
        return max(lengths, default=0)

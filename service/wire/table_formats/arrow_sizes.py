"""What an Arrow stream will need once it is read, from its messages' own headers, before anything is unpacked.

    list(sizes(body))       # [(rows, bytes, whether it is a dictionary), ...]: one a batch

The headers are flatbuffers: https://github.com/apache/arrow/blob/main/format/Message.fbs. Buffers may be compressed
each for itself, and then begin with their true size as 8 bytes; the reader allocates what those say.
"""

import struct

from ...errors import RequestError

__all__ = ["sizes"]

CONTINUED = b"\xff\xff\xff\xff"
SCHEMA, DICTIONARY, BATCH = 1, 2, 3  # of Message.header
MOST_MESSAGES = 10_000


def sizes(body):
    """Yield (rows, bytes, is_dictionary) for every batch of the stream. Raises RequestError where it is none."""
    try:
        yield from messages(body)
    except (struct.error, IndexError, ValueError) as error:
        raise RequestError(f"the body is no Arrow stream: {error}") from None


def messages(body):
    place = 0
    for _ in range(MOST_MESSAGES):
        if place == len(body):
            return
        if body[place : place + 4] != CONTINUED:
            raise ValueError(f"no message begins at byte {place}")
        (length,) = struct.unpack_from("<i", body, place + 4)
        place += 8
        if length == 0:
            return
        if length < 0 or place + length > len(body):
            raise ValueError("a message breaks off")
        message = Record(body[place : place + length])
        place += length
        content = message.number("<q", 3)
        if content < 0 or place + content > len(body):
            raise ValueError("a message breaks off")
        kind = message.number("<B", 1)
        if kind in (DICTIONARY, BATCH):
            yield size(message, kind, body[place : place + content])
        elif kind != SCHEMA:
            raise ValueError("a message that is neither a schema nor a batch")
        place += content
    raise ValueError(f"more than {MOST_MESSAGES} messages")


def size(message, kind, content):
    """(rows, bytes, is_dictionary) of one batch. Raises ValueError where it is empty."""
    batch = message.below(2)
    if kind == DICTIONARY:
        batch = batch and batch.below(1)
    if batch is None:
        raise ValueError("a batch without content")
    return batch.number("<q", 0), unpacked(batch, content), kind == DICTIONARY


def unpacked(batch, content):
    """Bytes of all buffers of a batch; buffers that overlap count each."""
    compressed, total = batch.below(3) is not None, 0
    for offset, length in batch.pairs(2):
        if offset < 0 or length < 0 or offset + length > len(content):
            raise ValueError("a buffer outside its message")
        if compressed and length:
            (told,) = struct.unpack_from("<q", content, offset)
            length = max(told, length - 8)  # -1: this one is not compressed after all
        total += length
    return total


class Record:
    """One table of a flatbuffer: fields by their number, each there or not."""

    def __init__(self, buffer, place=None):
        self.buffer = buffer
        self.place = self.read("<I", 0) if place is None else place
        self.fields = self.place - self.read("<i", self.place)
        self.size = self.read("<H", self.fields)

    def read(self, form, place):
        if place < 0:
            raise ValueError("an offset outside its message")
        return struct.unpack_from(form, self.buffer, place)[0]

    def at(self, number):
        """Where a field lies; None where it is left out."""
        slot = 4 + 2 * number
        offset = self.read("<H", self.fields + slot) if slot < self.size else 0
        return self.place + offset if offset else None

    def number(self, form, number):
        place = self.at(number)
        return 0 if place is None else self.read(form, place)

    def below(self, number):
        place = self.at(number)
        return None if place is None else Record(self.buffer, place + self.read("<I", place))

    def pairs(self, number):
        """A vector of structs of two int64."""
        place = self.at(number)
        if place is None:
            return []
        place += self.read("<I", place)
        count = self.read("<I", place)
        if place + 4 + 16 * count > len(self.buffer):
            raise ValueError("a list breaks off")
        return struct.iter_unpack("<qq", self.buffer[place + 4 : place + 4 + 16 * count])

"""What a Parquet file will need once it is unpacked, from its footer and its pages' own headers.

    rows, total = sizes(body, limit)       # rows, and bytes of all pages

The footer tells sizes too, but nobody checks that they are true; what a page's header says is what the reader
allocates. The footer is read here as well: pyarrow's own view of it ends the process where statistics in it
contradict each other. Both are Thrift structs in the compact form:
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md and
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from typing import Any

__all__ = ["sizes"]

MAGIC = b"PAR1"
MOST_FOOTER = 2**20  # bytes; a thousand columns need a fifth of it
MOST_PAGES = 20_000
DEPTH = 8
# Fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
ALL_ROWS, GROUPS = 3, 4
CHUNKS, ROWS = 1, 3
ABOUT = 3
LENGTH, DATA, DICTIONARY = 7, 9, 11
# Fields of PageHeader, and where the two kinds of data page keep their encoding.
UNPACKED, PACKED = 2, 3
ENCODINGS = ((5, 2), (8, 4))
SHARED_PREFIXES = 7  # DELTA_BYTE_ARRAY: every text may repeat the one before it, and takes a byte or two to say so


def sizes(body, limit):
    """(rows, bytes of all pages or the first sum beyond `limit`). Raises ValueError where the file is none.

    Pages of every column count: which chunk is whose is the file's word alone.
    """
    length = int.from_bytes(body[-8:-4], "little")
    if body[:4] != MAGIC or body[-4:] != MAGIC or length + 12 > len(body):
        raise ValueError("it has no footer")
    if length > MOST_FOOTER:
        raise ValueError(f"a footer of {length} bytes; at most {MOST_FOOTER} are taken")
    try:
        footer, _ = struct(body[-8 - length : -8], 0, DEPTH)
        groups = footer.get(GROUPS, [])
        rows = max(footer[ALL_ROWS], sum(group[ROWS] for group in groups))
        chunks = [chunk[ABOUT] for group in groups for chunk in group[CHUNKS]]
        return rows, unpacked(body, chunks, limit)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its footer is malformed: {error}") from None


def unpacked(body, chunks, limit):
    total = pages = 0
    for chunk in chunks:
        place = chunk[DATA]
        if 0 < chunk.get(DICTIONARY, 0) < place:
            place = chunk[DICTIONARY]
        end = place + chunk[LENGTH]
        if not 0 <= place <= end <= len(body):
            raise ValueError("pages lie outside the file")
        while place < end:
            pages += 1
            header, place = struct(body, place, DEPTH)
            needed, length = header.get(UNPACKED, -1), header.get(PACKED, -1)
            if min(needed, length) < 0 or place + length > end or pages > MOST_PAGES:
                raise ValueError(f"more than {MOST_PAGES} pages" if pages > MOST_PAGES else "a page breaks off")
            if any(header.get(kind, {}).get(field) == SHARED_PREFIXES for kind, field in ENCODINGS):
                raise ValueError("pages are encoded as DELTA_BYTE_ARRAY, which is not taken")
            total += needed
            if total > limit:
                return total
            place += length
    return total


def struct(body, place, depth):
    """A Thrift struct at `place` -> ({field: number, or dict of a struct below}, the place behind it)."""
    fields: dict[int, Any] = {}
    number = 0
    while True:
        byte = at(body, place)
        place += 1
        kind = byte & 15
        if not kind:
            return fields, place
        if byte >> 4:
            number += byte >> 4
        else:
            number, place = zigzag(body, place)
        fields[number], place = value(body, place, kind, depth)


def value(body, place, kind, depth):
    if kind in (1, 2):  # true and false stand in the kind itself
        return kind == 1, place
    if kind == 3:
        return at(body, place), place + 1
    if kind in (4, 5, 6):
        return zigzag(body, place)
    if kind == 7:
        return None, place + 8
    if kind == 8:
        length, place = varint(body, place)
        return bytes(body[place : place + length]), place + length
    if kind == 9 and depth:
        return several(body, place, depth - 1)
    if kind == 12 and depth:
        return struct(body, place, depth - 1)
    raise ValueError("a header is malformed")


def several(body, place, depth):
    """A Thrift list: its length and the kind of its values in one byte, or the length behind it."""
    byte = at(body, place)
    place += 1
    count, fields = byte >> 4, []
    if count == 15:
        count, place = varint(body, place)
    for _ in range(count):  # ends with the bytes: every value takes one at least
        one, place = value(body, place, 3 if byte & 15 in (1, 2) else byte & 15, depth)
        fields.append(one)
    return fields, place


def zigzag(body, place):
    found, place = varint(body, place)
    return (found >> 1) ^ -(found & 1), place


def varint(body, place):
    value = 0
    for shift in range(0, 70, 7):
        byte = at(body, place)
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a header is malformed")


def at(body, place):
    if place >= len(body):
        raise ValueError("a header breaks off")
    return body[place]

"""Damage to bytes, archives and JSON, whatever they are.

damaged(rng, data)          # flipped bits, runs of bytes, cut off, repeated, lengths made huge
archive(rng, data, damage)  # a zip file, a member of it or its container damaged
structure(rng, value)       # a JSON value with parts taken out, exchanged, nested or made huge
"""

import copy
import io
import json
import zipfile

__all__ = ["MOST", "archive", "damaged", "structure", "structured"]

MOST = 2**22  # bytes of a mutated file
HUGE = (2**31 - 1, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**64 - 1, 2**31, 0, 1, 2**16)


def flip(rng, data):
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def overwrite(rng, data):
    start, length = rng.randrange(len(data)), rng.choice((1, 4, 16, 256))
    data[start : start + length] = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    return data


def cut(rng, data):
    return data[: rng.randrange(len(data))]


def leave_out(rng, data):
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 8, 100))]
    return data


def repeat(rng, data):
    start, length = rng.randrange(len(data)), rng.choice((1, 16, 1000))
    piece = data[start : start + length]
    return data[:start] + piece * rng.choice((2, 3, 50, max(1, 20_000 // len(piece)))) + data[start:]


def huge(rng, data):
    """What may be a length becomes one of the numbers that overflow, near either end or anywhere."""
    size, order = rng.choice((2, 4, 8)), rng.choice(("little", "big"))
    place = rng.choice(
        (rng.randrange(min(64, len(data))), max(0, len(data) - 1 - rng.randrange(200)), rng.randrange(len(data)))
    )
    data[place : place + size] = (rng.choice(HUGE) % 256**size).to_bytes(size, order)
    return data


def varint(rng, data):
    """The same for numbers of seven bits a byte, as Thrift and protocol buffers write them."""
    place = rng.randrange(len(data))
    data[place : place + 1] = b"\xff" * rng.choice((3, 4, 8, 9)) + bytes([rng.choice((1, 7, 127))])
    return data


def shuffle(rng, data):
    first, second, length = rng.randrange(len(data)), rng.randrange(len(data)), rng.choice((4, 64, 512))
    data[first : first + length] = data[second : second + length]
    return data


WAYS = (flip, flip, overwrite, cut, leave_out, repeat, huge, huge, varint, shuffle)


def damaged(rng, data):
    """One to three of WAYS."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not data:
            break
        data = rng.choice(WAYS)(rng, bytearray(data))
    return bytes(data[:MOST])


def archive(rng, data, damage):
    """damage(name, bytes) -> bytes: for one member; the container is damaged, too, or instead."""
    if rng.random() < 0.3:
        return damaged(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    name = rng.choice(list(members))
    way = rng.random()
    if way < 0.7:
        members[name] = damage(name, members[name])
    elif way < 0.8:
        members[rng.choice(("../../outside", "/outside", name * 3))] = members.pop(name)
    elif way < 0.9:
        members[name] = bytes(2**25)  # a bomb: some thirty kilobytes of the file
    else:
        del members[name]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as written:
        if written.compression == zipfile.ZIP_STORED and sum(map(len, members.values())) > MOST:
            written.compression = zipfile.ZIP_DEFLATED
        for each, content in members.items():
            written.writestr(each, content)
    return out.getvalue()


ODD = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**30,
    1e308,
    -0.5,
    "",
    "x" * 100_000,
    "../../etc/passwd",
    [],
    {},
    [[]],
    "\ud800",
)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def places(value):
    """[(container, key)] of everything inside a JSON value."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys]
    return found


def structure(rng, value, words=()):
    """words: texts that are put in the place of others."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 5))):
        found = places(value)
        if not found:
            return value
        container, key = rng.choice(found)
        texts = [place for place in found if isinstance(place[0][place[1]], str)]
        way = rng.random()
        if words and texts and way < 0.4:
            container, key = rng.choice(texts)
            container[key] = rng.choice(words)
        elif way < 0.7:
            container[key] = copy.deepcopy(rng.choice(ODD))
        elif way < 0.8:
            container[key] = nested(rng.choice((5, 30, 60)))
        elif way < 0.9:
            other, place = rng.choice(found)
            container[key] = copy.deepcopy(other[place])
        else:
            del container[key]
    return value


def structured(rng, data, words=()):
    """The same for a file of JSON; one time in five the bytes of it."""
    if rng.random() < 0.2:
        return damaged(rng, data)
    text = json.dumps(structure(rng, json.loads(data), words))
    if rng.random() < 0.1:  # deeper than this process could write it by itself
        depth = rng.choice((1000, 100_000))
        text = text.replace("null", "[" * depth + "]" * depth, 1) if "null" in text else "[" * depth + text
    return text.encode()

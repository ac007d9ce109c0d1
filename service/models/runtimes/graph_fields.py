"""An ONNX model's bytes, field by field: protocol buffers, read without a library and within bounds.

    for node in below(content, GRAPH, NODE):
        text(next(below(node, OPERATOR)))        # "Add"

https://protobuf.dev/programming-guides/encoding/ and https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = [
    "ATTRIBUTE",
    "EXTERNAL",
    "FUNCTIONS",
    "GRAPH",
    "INITIALIZER",
    "INNER",
    "INNERS",
    "KEY",
    "LOCATION",
    "NODE",
    "OPERATOR",
    "SPARSE",
    "SPARSE_TENSOR",
    "SPARSE_TENSORS",
    "TENSOR",
    "TENSORS",
    "VALUE",
    "below",
    "fields",
    "text",
]

# Numbers of fields: of a model, a graph, a node, an attribute, a tensor.
GRAPH, FUNCTIONS = 7, 25
NODE, INITIALIZER, SPARSE = 1, 5, 15
ATTRIBUTE, OPERATOR = 5, 4
TENSOR, INNER, TENSORS, INNERS = 5, 6, 10, 11
SPARSE_TENSOR, SPARSE_TENSORS = 22, 23
EXTERNAL, KEY, VALUE = 13, 1, 2
LOCATION = b"location"  # the key under which a tensor names the file that it lies in


def below(message: bytes | memoryview, *numbers: int) -> Iterator[memoryview]:
    """The messages, texts or bytes that lie under these fields, one below the other."""
    for number, value in fields(message):
        if number == numbers[0]:
            if len(numbers) == 1:
                yield value
            else:
                yield from below(value, *numbers[1:])


def fields(message: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """(number, value) of every field that holds a message, a text or bytes. Raises ValueError where it breaks off."""
    view, place = memoryview(message), 0
    while place < len(view):
        tag, place = varint(view, place)
        kind = tag & 7
        if kind == 0:
            _, place = varint(view, place)
            continue
        if kind == 2:
            length, place = varint(view, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("the graph is no protocol buffer")
        if place + length > len(view):
            raise ValueError("the graph breaks off")
        if kind == 2:
            yield tag >> 3, view[place : place + length]
        place += length


def varint(view: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(view):
            raise ValueError("the graph breaks off")
        byte = view[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("the graph is no protocol buffer")


def text(value: bytes | memoryview) -> str:
    return bytes(value).decode(errors="replace")

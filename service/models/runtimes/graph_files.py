"""What an ONNX file that somebody brings may ask for, read from its bytes before anything else opens it.

    check_file(content)                        # ValueError: the graph has the operator Loop, which repeats others
    external_files(content, Path("models"))    # {Path("models/model.onnx.data")}

Exporters use many more operators than packing writes (graph_rules), so what is refused here is named: operators that
repeat others or draw random numbers, those of no standard, and sizes that come out of a request's own numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path, PurePath

from .graph_fields import (
    ATTRIBUTE,
    EXTERNAL,
    FUNCTIONS,
    GRAPH,
    INITIALIZER,
    INNER,
    INNERS,
    KEY,
    LOCATION,
    NODE,
    OPERATOR,
    SPARSE,
    SPARSE_TENSOR,
    SPARSE_TENSORS,
    TENSOR,
    TENSORS,
    VALUE,
    below,
    fields,
    text,
)

__all__ = ["STANDARD", "SUFFIX", "check_file", "external_files"]

SUFFIX = ".onnx"

STANDARD = ("", "ai.onnx", "ai.onnx.ml")  # domains whose operators are described by ONNX itself
BUILT_IN = {"com.microsoft": ("CDist", "Gelu", "FusedMatMul", "FusedGemm")}  # ONNX Runtime's own, which only compute
REFUSED = {
    **dict.fromkeys(("If", "Loop", "Scan", "SequenceMap"), "holds or repeats graphs of its own"),
    **dict.fromkeys(
        ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        "answers the same row otherwise each time",
    ),
    "ImageDecoder": "opens pictures",
}
# Operators that make an array of any size -> the inputs that tell which.
SIZED = {
    **dict.fromkeys(("ConstantOfShape",), (0,)),
    **dict.fromkeys(("CenterCropPad", "Expand", "OneHot", "Pad", "Tile", "Upsample"), (1,)),
    "Range": (0, 1, 2),
    "Resize": (2, 3),
}
MEASURES = ("Shape", "Size")  # what they say of an array is no larger than the array
# Its parts may lie in other files, and ONNX Runtime reads those from anywhere.
NO_SPARSE = "the graph has sparse tensors: write them as plain ones"
# Numbers of fields: of a node, of a graph, of an input or tensor.
TAKEN, MADE, DOMAIN = 1, 2, 7
INPUTS, NAME, TENSOR_NAME = 11, 1, 8


def check_file(content: bytes) -> None:
    """Raise ValueError that names what cannot be served of a graph, and what to do."""
    if not any(number == GRAPH for number, _ in fields(content)):
        raise ValueError("it holds no graph")
    if next(below(content, FUNCTIONS), None) is not None:
        raise ValueError("the graph has functions of its own: write it anew with onnx.inliner.inline_local_functions")
    if next(below(content, GRAPH, SPARSE), None) is not None:
        raise ValueError(NO_SPARSE)
    readers: dict[str, list[str]] = {}  # tensor -> what is computed from it
    sized = []
    for node in below(content, GRAPH, NODE):
        name = check_operator(node)
        taken = list(map(text, below(node, TAKEN)))
        if name not in MEASURES:
            made = list(map(text, below(node, MADE)))
            for each in taken:
                readers.setdefault(each, []).extend(made)
        sized += [(name, taken[place]) for place in SIZED.get(name, ()) if place < len(taken)]
    given = {text(name) for name in below(content, GRAPH, INPUTS, NAME)}
    given -= {text(name) for name in below(content, GRAPH, INITIALIZER, TENSOR_NAME)}
    from_rows = reached(given, readers)
    for name, size in sized:
        if size in from_rows:
            raise ValueError(f"the operator {name} takes a size from the rows of a request, which may be any number")


def check_operator(node: memoryview) -> str:
    """The name of a node's operator. Raises ValueError where it is refused."""
    name = next(map(text, below(node, OPERATOR)), "")
    domain = next(map(text, below(node, DOMAIN)), "")
    if domain not in STANDARD and name not in BUILT_IN.get(domain, ()):
        raise ValueError(
            f"the graph has the custom operator {name!a:.80} of {domain!a:.80}, which ONNX Runtime has not by itself: "
            f"export it with standard operators only"
        )
    if name in REFUSED or name.startswith(("Sequence", "Optional")):
        raise ValueError(f"the graph has the operator {name!a:.80}, which {REFUSED.get(name, 'makes no table')}")
    held = {number for attribute in below(node, ATTRIBUTE) for number, _ in fields(attribute)}
    if held & {SPARSE_TENSOR, SPARSE_TENSORS}:
        raise ValueError(NO_SPARSE)
    if held & {INNER, INNERS}:
        raise ValueError(f"the graph has the operator {name!a:.80}, which holds graphs of its own")
    return name


def reached(given: set[str], readers: dict[str, list[str]]) -> set[str]:
    """The names of what is computed from these tensors, themselves among them."""
    found: set[str] = set()
    waiting = list(given)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += readers.get(name, ())
    return found


def external_files(content: bytes, folder: Path | None) -> set[Path]:
    """The files beside a graph in which its weights lie. folder: where it lies itself; None: in no file.

    Raises ValueError for one outside the folder, or absent.
    """
    found = set()
    for tensor in tensors(content):
        for entry in below(tensor, EXTERNAL):
            told = dict(fields(entry))
            if told.get(KEY) != LOCATION:
                continue
            place = text(told.get(VALUE, b""))
            if folder is None:
                raise ValueError(f"its weights lie in {place!a:.80}: onnx.load_external_data_for_model(model, folder)")
            path = folder / place
            if PurePath(place).is_absolute() or "\0" in place or not path.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"its weights lie in {place!a:.80}, outside its own folder, where nothing is read")
            if not path.is_file():
                raise ValueError(f"its weights lie in {place!a:.80}, which is not beside it")
            found.add(path)
    return found


def tensors(content: bytes) -> Iterator[memoryview]:
    """The constants of a graph: its initializers, and those in the attributes of nodes."""
    attributes = below(content, GRAPH, NODE, ATTRIBUTE)
    held = (value for attribute in attributes for number, value in fields(attribute) if number in (TENSOR, TENSORS))
    return chain(below(content, GRAPH, INITIALIZER), held)

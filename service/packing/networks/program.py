"""What a program of torch.export takes and gives, and the ONNX graph that torch's exporter makes of it.

program = Program(exported)                 # ValueError: it takes or gives something that is no tensor
program.inputs                              # [TensorSpec("image", "float32", ("batch", 3, 8, 8))]
program.write_graph(folder / "network.onnx")
program.run({"image": image})               # {"logits": float32 [2, 10]}, by torch
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument
from torch.utils import _pytree as pytree

from ...errors import in_a_line
from ...models.networks.tensors import DTYPES, TensorSpec
from ..torch_export import OPSET, cause, quietly, transpose_weights

__all__ = ["BATCH", "Program", "export_module"]

BATCH = "batch"  # the name of the first dimension where it varies, and is the same of all inputs
KEPT = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)


class Program:
    """inputs: their TensorSpecs. outputs: {name: {"dtype", "shape"}}. sizes: {dimension: (least, most or None)}.
    sample: {input: ndarray} that it was exported with, empty where the file has none.
    """

    name = "torch"

    def __init__(self, exported: torch.export.ExportedProgram) -> None:
        self.exported = exported
        self.sizes: dict[str, tuple[int, int | None]] = {}
        self.sample: dict[str, np.ndarray] = {}
        nodes = {node.name: node.meta.get("val") for node in exported.graph.nodes}
        check_evaluates(exported)
        signature = exported.graph_signature
        given = {name: nodes[name] for name in user_inputs(signature)}
        made = [nodes[name] for name in user_outputs(signature)]
        if not given:
            raise ValueError("it takes no tensor")
        self._names = dimension_names([value.shape for value in given.values()])
        self.inputs = [
            TensorSpec(name, dtype_of(name, value), self._shape(name, value)) for name, value in given.items()
        ]
        names = output_names(exported.call_spec.out_spec, len(made))
        self.outputs = {
            name: {"dtype": dtype_of(name, value), "shape": self._given(value)}
            for name, value in zip(names, made, strict=True)
        }
        if exported.example_inputs is not None:
            leaves = pytree.tree_leaves(exported.example_inputs)
            if len(leaves) == len(given):
                self.sample = {name: leaf.detach().numpy() for name, leaf in zip(given, leaves, strict=True)}
        self._module = exported.module()

    def _shape(self, name: str, value: Any) -> tuple[int | str, ...]:
        """Of an input; its dimensions that vary are noted with their limits. Raises ValueError."""
        shape: list[int | str] = []
        for size in value.shape:
            if isinstance(size, int):
                shape.append(size)
                continue
            symbol = size.node.expr
            if symbol not in self._names:
                raise ValueError(
                    f"a dimension of input {name!r} is {symbol}, and only dimensions of any size are served"
                )
            limits = self.exported.range_constraints.get(symbol)
            most = int(limits.upper) if limits is not None and limits.upper.is_Integer else None
            least = int(limits.lower) if limits is not None and limits.lower.is_Integer else 1
            self.sizes[self._names[symbol]] = (max(1, least), most)
            shape.append(self._names[symbol])
        return tuple(shape)

    def _given(self, value: Any) -> list[int | str | None]:
        """The shape of an output; None for a size that is computed of others."""
        return [size if isinstance(size, int) else self._names.get(size.node.expr) for size in value.shape]

    @property
    def parameter_count(self) -> int:
        return sum(tensor.numel() for tensor in self.exported.parameters())

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What torch gives. Raises whatever torch raises."""
        tensors = [torch.from_numpy(np.array(feeds[each.name])) for each in self.inputs]
        arguments, named = pytree.tree_unflatten(tensors, self.exported.call_spec.in_spec)
        with torch.inference_mode():
            found = pytree.tree_leaves(self._module(*arguments, **named))
        return {name: tensor.numpy() for name, tensor in zip(self.outputs, found, strict=True)}

    def write_graph(self, path: Path) -> None:
        """The graph, its weights beside it in `path` + ".data". Raises ValueError where torch's exporter cannot."""
        try:
            self._export(path, [each.name for each in self.inputs])
        except Exception as error:  # a network may do whatever torch's exporter has not
            raise ValueError(f"it cannot be compiled: {cause(error)}") from error

    def _export(self, path: Path, names: list[str]) -> None:
        with quietly(), torch.no_grad():
            program = torch.onnx.export(
                self.exported,
                (),
                dynamo=True,
                input_names=names,
                output_names=list(self.outputs),
                opset_version=OPSET,
                verbose=False,
            )
        assert program is not None  # with dynamo=True it is never None
        transpose_weights(program.model)
        program.save(path, external_data=True)


def check_evaluates(exported: torch.export.ExportedProgram) -> None:
    """Raise ValueError for a network that drops out, or normalizes by its batch, as networks do while they learn."""
    for node in exported.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        for place, argument in enumerate(schema.arguments if schema is not None else ()):
            given = node.args[place] if place < len(node.args) else node.kwargs.get(argument.name)
            if argument.name in ("train", "training") and given is True:
                raise ValueError(
                    f"it was exported as it learns ({node.target}): call .eval() on the module, and export it again"
                )


def user_inputs(signature: Any) -> Iterator[str]:
    """The names of the tensors that it takes. Raises ValueError for anything else that it takes."""
    for each in signature.input_specs:
        if each.kind is InputKind.USER_INPUT:
            if not isinstance(each.arg, TensorArgument):
                raise ValueError(f"input {each.arg.name!r:.80} is no tensor: export the network with tensors alone")
            yield each.arg.name
        elif each.kind not in KEPT:
            raise ValueError("it takes an object that is no tensor")


def user_outputs(signature: Any) -> Iterator[str]:
    """The names of the tensors that it gives. Raises ValueError where it gives something else, or keeps a state."""
    for each in signature.output_specs:
        if each.kind is not OutputKind.USER_OUTPUT:
            raise ValueError(
                f"it changes {each.target or 'what it is given'} as it computes, and a server keeps nothing between "
                "requests"
            )
        if not isinstance(each.arg, TensorArgument):
            raise ValueError("it gives something besides tensors")
        yield each.arg.name


def dtype_of(name: str, value: Any) -> str:
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise ValueError(f"{name!r} is of {dtype}; served are {', '.join(DTYPES)}")
    return dtype


def dimension_names(shapes: list[Any]) -> dict[Any, str]:
    """{symbol: what it is called} of the dimensions that vary: BATCH, and size_1, size_2, ..."""
    free = [size.node.expr for shape in shapes for size in shape if not isinstance(size, int)]
    symbols = list(dict.fromkeys(each for each in free if each.is_Symbol))
    first = {None if isinstance(shape[0], int) else shape[0].node.expr for shape in shapes if len(shape)}
    names: dict[Any, str] = {}
    for symbol in symbols:
        names[symbol] = BATCH if first == {symbol} else f"size_{len(names) + (BATCH not in names.values())}"
    return names


def output_names(spec: Any, count: int) -> list[str]:
    """A dict's keys, and places in tuples; of a single tensor "output"."""
    paths, _ = pytree.tree_flatten_with_path(pytree.tree_unflatten(list(range(count)), spec))
    names = [".".join(str(getattr(key, "key", getattr(key, "idx", ""))) for key in path) for path, _ in paths]
    return [f"output_{name}" if name[:1].isdigit() else name or "output" for name in names]


def export_module(module: torch.nn.Module, inputs: Any) -> torch.export.ExportedProgram:
    """A module as a program that takes any number of rows where its first dimension may vary.

    inputs: a tensor, a tuple of the arguments of `forward`, or a dict of them by name. Raises ValueError where torch
    cannot export it.
    """
    arguments, named = (
        ((), inputs) if isinstance(inputs, dict) else (inputs if isinstance(inputs, tuple) else (inputs,), {})
    )
    tensors = pytree.tree_leaves((arguments, named))
    if not tensors or not all(isinstance(each, torch.Tensor) for each in tensors):
        raise ValueError(
            "give example inputs: a tensor, a tuple of tensors, or a dict of them by the names of forward's arguments"
        )
    if all(each.ndim and each.shape[0] == 1 for each in tensors):  # torch takes a size of 1 for one that is always 1
        arguments, named = pytree.tree_map(lambda each: torch.cat([each, each]), (arguments, named))
    was_training = module.training
    module.eval()
    try:
        return exported(module, arguments, named)
    finally:
        module.train(was_training)


def exported(
    module: torch.nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
) -> torch.export.ExportedProgram:
    """With a first dimension of any size: one for all inputs where theirs is the same, else one for each, else whatever
    torch finds to vary. The last is never 1.
    """
    tensors = [each for each in pytree.tree_leaves((arguments, named)) if each.ndim]
    together, alone = torch.export.Dim(BATCH, min=1), (torch.export.Dim(f"rows_{n}", min=1) for n in itertools.count())
    ways: list[Callable[[], Any]] = [lambda: next(alone), lambda: torch.export.Dim.AUTO]
    if len({each.shape[0] for each in tensors}) == 1:
        ways.insert(0, lambda: together)
    failure: Exception | None = None
    for way in ways:
        first = pytree.tree_map(lambda each, way=way: {0: way()} if each.ndim else {}, (arguments, named))
        bound = inspect.signature(module.forward).bind(*first[0], **first[1])
        try:
            with quietly(), torch.no_grad():
                return torch.export.export(module, arguments, named, dynamic_shapes=dict(bound.arguments))
        except Exception as error:  # a network may do whatever cannot be traced
            failure = error
    raise ValueError(f"{type(module).__name__} cannot be exported: {in_a_line(failure, 240)}") from failure

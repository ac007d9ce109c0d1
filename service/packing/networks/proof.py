"""Prove a network's graph: loaded as a worker loads it, it must give torch's numbers, for every number of rows.

proven = prove(program, folder)
proven.runtime          # {"tolerance": 3e-05, "measured": 2.1e-07, "inputs": 5, "rows": [1, 2, 7]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import in_a_line
from ...models.networks.network import apart
from ...models.networks.tensors import TensorSpec
from .program import Program

__all__ = ["TOLERANCE", "Proven", "prove"]

TOLERANCE = 3e-5  # between the graph's numbers and torch's, as a part of the largest of torch's: as of encoders
ROWS = (1, 2, 7)
SEED = 7
USUAL = 4  # the size of a dimension that varies, where the program holds no sample
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Proven:
    """runtime: what was measured. inputs, outputs: the example, the outputs being torch's. least: {input: the least
    whole number that torch takes}, of those whose graph takes others, too.
    """

    runtime: dict[str, Any]
    inputs: Arrays
    outputs: Arrays
    least: dict[str, int]


def prove(program: Program, session: Any) -> Proven:
    """session: of the graph. Raises ValueError where its outputs are not torch's."""
    taken = {each.name for each in session.get_inputs()}
    unused = [each.name for each in program.inputs if each.name not in taken]
    if unused:
        raise ValueError(f"the network does not use its input {unused[0]!r}: leave it out")
    measured, rows, tried = 0.0, set(), 0
    for feeds in inputs_of(program):
        wanted, found = by_torch(program, feeds), by_graph(program, session, feeds)
        for name in program.outputs:
            far = apart(found[name], wanted[name])
            if not far <= TOLERANCE:
                sizes = ", ".join(f"{each} {list(array.shape)}" for each, array in feeds.items())
                raise ValueError(
                    f"the graph's output {name!r} is not torch's for {sizes}: it differs by {far:.1e} of the largest "
                    f"number, and {TOLERANCE} is allowed"
                )
            measured = max(measured, far)
        tried += 1
        rows.add(len(next(iter(feeds.values()))) if next(iter(feeds.values())).ndim else 1)
    example = next(inputs_of(program, ROWS[:1]))
    return Proven(
        {"tolerance": TOLERANCE, "measured": measured, "inputs": tried, "rows": sorted(rows)},
        example,
        by_torch(program, example),
        {each.name: 0 for each in program.inputs if wraps_around(program, session, each, example)},
    )


def inputs_of(program: Program, rows: tuple[int, ...] = ROWS) -> Iterator[Arrays]:
    """The sample, and invented inputs like it: of several numbers of rows, and of other sizes where these may vary."""
    usual = sizes_of(program)
    if program.sample and rows is ROWS:
        yield program.sample
    generator = np.random.default_rng(SEED)
    first = {each.shape[0] if each.shape else None for each in program.inputs}
    batch = first.pop() if len(first) == 1 else None
    others = [name for name in program.sizes if name != batch]
    for place, count in enumerate(rows):
        sizes = dict(usual)
        if isinstance(batch, str):
            sizes[batch] = within(count, program.sizes[batch])
        for name in others:
            sizes[name] = within(usual[name] + place, program.sizes[name])
        yield {each.name: invented(each, program.sample.get(each.name), sizes, generator) for each in program.inputs}


def within(size: int, limits: tuple[int, int | None]) -> int:
    least, most = limits
    return max(least, size if most is None else min(size, most))


def sizes_of(program: Program) -> dict[str, int]:
    """The size of each dimension that varies in the sample."""
    sizes = {name: within(USUAL, limits) for name, limits in program.sizes.items()}
    for each in program.inputs:
        if each.name in program.sample:
            found = zip(each.shape, program.sample[each.name].shape, strict=True)
            sizes |= {name: size for name, size in found if isinstance(name, str)}
    return sizes


def invented(
    spec: TensorSpec, sample: np.ndarray | None, sizes: Mapping[str, int], generator: np.random.Generator
) -> np.ndarray:
    """An input like the sample's: normal numbers of its mean and spread, whole ones from its least to its largest."""
    shape = [sizes[size] if isinstance(size, str) else size for size in spec.shape]
    kind = np.dtype(spec.dtype).kind
    if kind == "b":
        return np.array(generator.integers(0, 2, shape).astype(bool))
    if kind in "iu":
        least, most = (0, 1) if sample is None or not sample.size else (int(sample.min()), int(sample.max()))
        return np.array(generator.integers(least, most, shape, endpoint=True, dtype=spec.dtype))
    sound = np.zeros(0) if sample is None else sample[np.isfinite(sample)].astype(np.float64)
    mean, spread = (sound.mean(), sound.std()) if sound.size else (0.0, 0.0)
    return np.array(mean + (spread or 1.0) * generator.standard_normal(shape)).astype(spec.dtype)


def by_torch(program: Program, feeds: Arrays) -> Arrays:
    try:
        return program.run(feeds)
    except Exception as error:
        sizes = ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())
        raise ValueError(f"torch itself cannot compute it for {sizes}: {in_a_line(error, 200)}") from error


def by_graph(program: Program, session: Any, feeds: Arrays) -> Arrays:
    try:
        found = session.run(list(program.outputs), feeds)
    except Exception as error:
        sizes = ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())
        raise ValueError(f"ONNX Runtime cannot compute the graph for {sizes}: {in_a_line(error, 200)}") from error
    return dict(zip(program.outputs, found, strict=True))


def wraps_around(program: Program, session: Any, spec: TensorSpec, example: Arrays) -> bool:
    """Whether torch refuses a negative number in an input of whole numbers, and the graph counts it from the end."""
    if np.dtype(spec.dtype).kind != "i" or not example[spec.name].size:
        return False
    feeds = example | {spec.name: np.full_like(example[spec.name], -1)}
    try:
        program.run(feeds)
    except Exception:
        return True
    return False

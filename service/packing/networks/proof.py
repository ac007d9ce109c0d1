"""Prove a network's graph: it must give the numbers of torch, or of the file it is made of, for any number of rows.

proven = prove(reference, folder)
proven.runtime          # {"tolerance": 3e-05, "measured": 2.1e-07, "inputs": 5, "rows": [1, 2, 7]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...errors import in_a_line
from ...models.networks.network import apart
from ...models.networks.tensors import TensorSpec

__all__ = ["TOLERANCE", "Arrays", "Proven", "Reference", "prove"]

TOLERANCE = 3e-5  # between the graph's numbers and the reference's, as a part of the largest of these: as of encoders
ROWS = (1, 2, 7)
FEW = 2
SEED = 7
USUAL = 32  # the size of a dimension that varies, where there is no sample
Arrays = dict[str, np.ndarray]


class Reference(Protocol):
    """What a graph is compared with. name: in messages. inputs: what it takes. outputs: {name: {"dtype", "shape"}}.
    sizes: {dimension: (its least size, its largest or None)}. sample: {input: ndarray}, empty where there is none.
    """

    name: str
    inputs: list[TensorSpec]
    outputs: dict[str, dict[str, Any]]
    sizes: dict[str, tuple[int, int | None]]
    sample: Arrays

    @property
    def parameter_count(self) -> int: ...

    def run(self, feeds: Mapping[str, np.ndarray]) -> Arrays:
        """{output: ndarray}. Raises whatever its library raises."""
        ...

    def write_graph(self, path: Path) -> None:
        """The graph that is to be served, its weights beside it in `path` + ".data". Raises ValueError."""
        ...


@dataclass(frozen=True)
class Proven:
    """runtime: what was measured. inputs, outputs: the example, the outputs being the reference's. least: {input: the
    least whole number that the reference takes}, of those whose graph takes others, too.
    """

    runtime: dict[str, Any]
    inputs: Arrays
    outputs: Arrays
    least: dict[str, int]


def prove(reference: Reference, session: Any) -> Proven:
    """session: of the graph. Raises ValueError where its outputs are not the reference's."""
    taken = {each.name for each in session.get_inputs()}
    unused = [each.name for each in reference.inputs if each.name not in taken]
    if unused:
        raise ValueError(f"the network does not use its input {unused[0]!r}: leave it out")
    measured, rows, tried = 0.0, set(), 0
    for feeds, needed in inputs_of(reference):
        try:
            wanted = by_reference(reference, feeds)
        except ValueError:
            if needed:
                raise
            continue
        found = by_graph(reference, session, feeds)
        for name in reference.outputs:
            far = apart(found[name], wanted[name])
            if not far <= TOLERANCE:
                sizes = ", ".join(f"{each} {list(array.shape)}" for each, array in feeds.items())
                raise ValueError(
                    f"the graph's output {name!r} is not that of {reference.name} for {sizes}: it differs by {far:.1e} "
                    f"of the largest number, and {TOLERANCE} is allowed"
                )
            measured = max(measured, far)
        tried += 1
        rows |= {len(array) for array in feeds.values() if array.ndim}
    example, _ = next(inputs_of(reference, ROWS[:1]))
    return Proven(
        {"tolerance": TOLERANCE, "measured": measured, "inputs": tried, "rows": sorted(rows)},
        example,
        by_reference(reference, example),
        {each.name: 0 for each in reference.inputs if wraps_around(reference, each, example)},
    )


def inputs_of(reference: Reference, rows: tuple[int, ...] = ROWS) -> Iterator[tuple[Arrays, bool]]:
    """The sample, and invented inputs like it: of several numbers of rows, and of other sizes where these may vary.

    With each, whether the reference has to compute it: sizes besides the rows may depend on each other in ways that
    nothing tells.
    """
    if reference.sample and rows is ROWS:
        yield reference.sample, True
    generator = np.random.default_rng(SEED)
    usual, batch = sizes_of(reference), rows_of(reference)

    def of_sizes(changed: dict[str, int]) -> Arrays:
        sizes = usual | {name: within(size, reference.sizes[name]) for name, size in changed.items()}
        sample = reference.sample
        return {each.name: invented(each, sample.get(each.name), sizes, generator) for each in reference.inputs}

    for count in rows:
        yield of_sizes({batch: count} if batch else {}), True
    for name in reference.sizes if rows is ROWS else ():
        if name != batch:
            few = {batch: FEW} if batch else {}
            yield of_sizes({name: 1, **few}), False
            yield of_sizes({name: usual[name] + 3, **few}), False


def rows_of(reference: Reference) -> str | None:
    """The first dimension, where it varies and is the same of all inputs that have any."""
    first = {each.shape[0] for each in reference.inputs if each.shape}
    batch = first.pop() if len(first) == 1 else None
    return batch if isinstance(batch, str) else None


def within(size: int, limits: tuple[int, int | None]) -> int:
    least, most = limits
    return max(least, size if most is None else min(size, most))


def sizes_of(reference: Reference) -> dict[str, int]:
    """The size of each dimension that varies in the sample."""
    sizes = {name: within(USUAL, limits) for name, limits in reference.sizes.items()}
    for each in reference.inputs:
        if each.name in reference.sample:
            found = zip(each.shape, reference.sample[each.name].shape, strict=True)
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


def by_reference(reference: Reference, feeds: Arrays) -> Arrays:
    try:
        return reference.run(feeds)
    except Exception as error:
        sizes = ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())
        raise ValueError(f"{reference.name} itself cannot compute it for {sizes}: {in_a_line(error, 200)}") from error


def by_graph(reference: Reference, session: Any, feeds: Arrays) -> Arrays:
    try:
        found = session.run(list(reference.outputs), feeds)
    except Exception as error:
        sizes = ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())
        raise ValueError(f"ONNX Runtime cannot compute the graph for {sizes}: {in_a_line(error, 200)}") from error
    return dict(zip(reference.outputs, found, strict=True))


def wraps_around(reference: Reference, spec: TensorSpec, example: Arrays) -> bool:
    """Whether the reference refuses a negative number in an input: a graph counts it from the end."""
    if np.dtype(spec.dtype).kind != "i" or not example[spec.name].size:
        return False
    feeds = example | {spec.name: np.full_like(example[spec.name], -1)}
    try:
        reference.run(feeds)
    except Exception:
        return True
    return False

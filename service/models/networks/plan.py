"""The tensors that a network takes: a call's inputs checked against them, every violation at once.

plan = TensorPlan.from_spec(manifest.spec)
plan.read(TensorCall({"image": [[[[...]]]]}), max_rows=100)     # {"image": float32 [1, 3, 8, 8]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...capabilities import TensorCall
from ...errors import InvalidInstances, PayloadTooLarge
from .tensors import Shape, TensorSpec, Unfit, as_array, shown_shape

__all__ = ["TensorPlan"]

Fault = dict[str, Any]
NAMED = 10  # names in one sentence


class TensorPlan:
    """inputs: {name: TensorSpec}. sizes: {name of a dimension: (its least size, its largest or None)}. rows: what the
    first dimension of every input is, where it is the same for all: a name, or a fixed size; None where it is not.
    """

    def __init__(
        self, inputs: Sequence[TensorSpec], sizes: Mapping[str, tuple[int, int | None]], outputs: Mapping[str, Shape]
    ) -> None:
        self.inputs = {each.name: each for each in inputs}
        self.sizes = dict(sizes)
        self.outputs = dict(outputs)
        first = {each.shape[0] if each.shape else None for each in inputs}
        self.rows = first.pop() if len(first) == 1 else None

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> TensorPlan:
        """Of a manifest's `spec`."""
        inputs = [TensorSpec.from_json(name, entry) for name, entry in spec["inputs"].items()]
        sizes = {name: (least, most) for name, (least, most) in spec["sizes"].items()}
        return cls(inputs, sizes, {name: tuple(entry["shape"]) for name, entry in spec["outputs"].items()})

    def read(self, call: TensorCall, max_rows: float) -> dict[str, np.ndarray]:
        """{input: a C-contiguous ndarray of its dtype and a shape that it takes}.

        Raises InvalidInstances, whose details name every violation, or PayloadTooLarge for more rows than `max_rows`.
        """
        faults: list[Fault] = []
        given = self.by_name(self.columns(call, faults) if call.by_row else call.inputs, faults)
        arrays: dict[str, np.ndarray] = {}
        for name, value in given.items():
            spec = self.inputs[name]
            try:
                arrays[name] = self.checked(spec, as_array(value, spec.dtype, len(spec.shape)))
            except Unfit as unfit:
                faults.append({"input": name, "expected": unfit.expected, "got": unfit.got})
        self.check_sizes(arrays, faults)
        refuse(faults)
        if isinstance(self.rows, str):
            rows = len(next(iter(arrays.values())))
            if rows > max_rows:
                raise PayloadTooLarge(f"{rows} rows in one request; at most {max_rows} are taken")
        return arrays

    def columns(self, call: TensorCall, faults: list[Fault]) -> Any:
        """The rows of a call as {name: its values in all rows}. Raises InvalidInstances where rows cannot be told."""
        rows = call.inputs
        asked = call.outputs or self.outputs
        without = [name for name in asked if self.outputs.get(name, (self.rows,))[:1] != (self.rows,)]
        if self.rows is None or without:
            expected = "the form `inputs`, {name: the whole tensor}"
            which = f"output {without[0]!r}" if without else "one of its inputs"
            refuse([{"expected": expected, "got": f"rows, and {which} has none of its own"}])
        if type(rows) is not list or not rows:
            refuse([{"expected": "a list of rows, at least one", "got": "an empty one" if rows == [] else "none"}])
        if not all(type(row) is dict for row in rows):
            if len(self.inputs) > 1:
                place = next(place for place, row in enumerate(rows) if type(row) is not dict)
                refuse([{"row": place, "expected": f"an object of {self.listed()}", "got": "another value"}])
            return rows
        for place, row in enumerate(rows):
            for name in self.inputs:
                if name not in row:
                    faults.append({"row": place, "input": name, "expected": "a tensor", "got": "none"})
            for name in row:
                if name not in self.inputs:
                    faults.append({"row": place, "input": name[:80], "expected": self.listed(), "got": "another name"})
        refuse(faults)
        return {name: [row[name] for row in rows] for name in self.inputs}

    def by_name(self, inputs: Any, faults: list[Fault]) -> dict[str, Any]:
        """The inputs by their names; a tensor without one is the only input's. Faults are appended."""
        if type(inputs) is not dict:
            if len(self.inputs) == 1:
                return {next(iter(self.inputs)): inputs}
            faults.append({"expected": f"an object of {self.listed()}", "got": "another value"})
            return {}
        for name in self.inputs:
            if name not in inputs:
                faults.append({"input": name, "expected": "a tensor", "got": "none"})
        for name in inputs:
            if name not in self.inputs:
                faults.append({"input": name[:80], "expected": self.listed(), "got": "another name"})
        return {name: inputs[name] for name in self.inputs if name in inputs}

    def listed(self) -> str:
        """The names of the inputs, for messages."""
        more = f" and {len(self.inputs) - NAMED} more" if len(self.inputs) > NAMED else ""
        return ", ".join([*self.inputs][:NAMED]) + more

    def checked(self, spec: TensorSpec, array: np.ndarray) -> np.ndarray:
        """Raises Unfit for another shape, or a number below the least."""
        fixed = [(size, wanted) for size, wanted in zip(array.shape, spec.shape, strict=False) if wanted != size]
        if array.ndim != len(spec.shape) or any(isinstance(wanted, int) for _, wanted in fixed):
            raise Unfit(f"shape {shown_shape(spec.shape)}", shown_shape(array.shape))
        if spec.minimum is not None and array.size and int(array.min()) < spec.minimum:
            raise Unfit(f"whole numbers from {spec.minimum} on", str(int(array.min())))
        return array

    def check_sizes(self, arrays: Mapping[str, np.ndarray], faults: list[Fault]) -> None:
        """Append a fault for each dimension whose size is out of range, or differs between two inputs."""
        found: dict[str, tuple[int, str]] = {}
        for name, array in arrays.items():
            for size, dimension in zip(array.shape, self.inputs[name].shape, strict=True):
                if not isinstance(dimension, str):
                    continue
                least, most = self.sizes.get(dimension, (1, None))
                if size < least or (most is not None and size > most):
                    upper = f" to {most}" if most is not None else " on"
                    faults.append({"input": name, "expected": f"{dimension} from {least}{upper}", "got": str(size)})
                known, other = found.setdefault(dimension, (size, name))
                if known != size:
                    faults.append(
                        {"input": name, "expected": f"{dimension} of {known}, as in {other}", "got": str(size)}
                    )


def refuse(faults: list[Fault]) -> None:
    """Raise InvalidInstances if there are any faults."""
    if not faults:
        return
    first, more = faults[0], len(faults) - 1
    where = ", ".join(f"{what} {first[what]!r}" for what in ("row", "input") if what in first)
    others = f" (and {more} more)" if more else ""
    message = f"{where + ': ' if where else ''}expected {first['expected']}, got {first['got']}{others}"
    raise InvalidInstances(message, details=faults, total=len(faults))

"""A request of V2: the envelope, its tensors, the outputs that it asks for; every fault at once.

body = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}'
call = decode(body, None, max_rows=100, columns=2)
call.instances()        # array([[1., 2.]])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ...errors import MAX_VIOLATIONS, PayloadTooLarge, RequestError
from ..json_body import parse
from ..json_limits import check_containers, check_keys
from .limits import Limits, check_count
from .outputs import Fault, RequestedOutput, parameters_of, read_outputs
from .tensors import DATATYPES, read_binary

__all__ = ["FIRST", "LENGTH", "Call", "decode", "read", "refuse"]

LENGTH = "Inference-Header-Content-Length"
FIRST = "output-0"  # KServe's name for the only output of a model
KEYS = ("id", "parameters", "inputs", "outputs", "model_name", "model_version")
PLAIN, JSON_CELLS, COLUMNS, BASE64 = ("np", "str", "datetime"), "pd_json", "pd", "base64"
# Parameters of the protocol and of Triton's client; all others are for the model.
RESERVED = {
    "binary_data_output",
    "content_type",
    "timeout",
    "priority",
    "sequence_id",
    "sequence_start",
    "sequence_end",
}
LONGEST = 86_400_000_000  # microseconds: a day
NOTHING = memoryview(b"")


class Input(NamedTuple):
    """`cells`: ndarray of the shape, or a list (of lists) of plain values."""

    name: str
    cells: Any
    shape: tuple[int, ...]
    datatype: str


def column(cells: Any) -> list[Any]:
    """The cells of a column as a list."""
    if isinstance(cells, np.ndarray):
        return cells.ravel().tolist()
    return [cell for row in cells for cell in row] if cells and type(cells[0]) is list else cells


class Call(NamedTuple):
    """A request.

    columns: whether each input is a column. binary: of outputs that are not named. parameters: those for the model.
    timeout: seconds, or None.
    """

    id: str | None
    inputs: tuple[Input, ...]
    columns: bool
    outputs: tuple[RequestedOutput, ...]
    binary: bool
    parameters: dict[str, Any]
    timeout: float | None

    def instances(self, column: Callable[[Any], Any] = column) -> Any:
        """ndarray [rows, columns], a list of rows, or an object of columns. Raises RequestError.

        column: what makes one of an input's cells.
        """
        if not self.columns:
            return self.inputs[0].cells
        columns: dict[str, Any] = {}
        faults: list[Fault] = []
        for place, tensor in enumerate(self.inputs):
            if len(tensor.shape) > 1 and tensor.shape[1] != 1:
                shape = list(tensor.shape)
                faults.append((f"inputs[{place}].shape", f"a column is [rows] or [rows, 1], got {shape}"))
            elif tensor.name in columns:
                faults.append((f"inputs[{place}].name", f"{tensor.name!r} is there twice"))
            else:
                columns[tensor.name] = column(tensor.cells)
        refuse(faults)
        return columns

    def elements(self, noun: str) -> list[Any]:
        """Those of the one input, which is of BYTES. noun: what each is to be. Raises RequestError."""
        if len(self.inputs) != 1 or self.inputs[0].datatype != "BYTES":
            refuse([("inputs", f"exactly one input of BYTES is expected, with {noun} an element")])
        return column(self.inputs[0].cells)

    def texts(self) -> list[str]:
        """The texts of the one input. Raises RequestError."""
        cells = self.elements("a text")
        refuse(
            [(f"inputs[0].data[{row}]", "expected a text") for row, cell in enumerate(cells) if type(cell) is not str]
        )
        return cells


def decode(
    body: bytes, json_length: str | None, max_rows: int, columns: int = 1, *, limits: Limits | None = None
) -> Call:
    """Bytes -> Call.

    json_length: the value of Inference-Header-Content-Length, None without the header. max_rows: most rows of a tensor.
    columns: those of the model; 1 for texts. limits: of a tensor, where it is neither a table nor of texts. Raises
    RequestError, whose details name every field that is wrong, or PayloadTooLarge.
    """
    raw = NOTHING
    if json_length is not None:
        if not (json_length.isdecimal() and json_length.isascii() and int(json_length) <= len(body)):
            raise RequestError(f"{LENGTH}: expected the bytes of JSON in the body of {len(body)} bytes")
        body, raw = body[: int(json_length)], memoryview(body)[int(json_length) :]
    try:
        value = parse(body, max_rows)
    except PayloadTooLarge:
        raise
    except RequestError as error:
        if json_length is None and b"binary_data_size" in body:
            raise RequestError(f"{error.message}; where raw tensors follow the JSON, send {LENGTH}") from None
        raise
    return read(value, limits or Limits(max_rows, columns), raw)


def read(value: Any, limits: Limits, raw: memoryview = NOTHING) -> Call:
    """A body's JSON value -> Call, as `decode`. raw: the bytes behind the JSON."""
    if type(value) is not dict:
        raise RequestError("the request is not of the V2 form: expected an object")
    check_keys(value)
    parameters = value.get("parameters")
    parameters = {} if parameters is None else parameters
    faults = [(key[:80], f"is no key of a request; there are {', '.join(KEYS)}") for key in value if key not in KEYS]
    if type(parameters) is not dict:
        refuse([*faults, ("parameters", "expected an object")])
    check_keys(parameters)
    identity = value.get("id")
    if identity is not None and type(identity) is not str:
        faults.append(("id", "expected a text"))
    inputs = read_inputs(value.get("inputs"), raw, limits, faults)
    outputs = read_outputs(value.get("outputs"), parameters.get("binary_data_output") is True, faults)
    timeout = read_parameters(parameters, faults)
    refuse(faults)
    return Call(
        identity,
        inputs,
        len(inputs) > 1 or COLUMNS in (parameters.get("content_type"), content_type(value["inputs"][0])),
        outputs,
        parameters.get("binary_data_output") is True,
        {name: parameter for name, parameter in parameters.items() if name not in RESERVED},
        timeout,
    )


def refuse(faults: list[Fault]) -> None:
    """Raise RequestError if there are any faults."""
    if faults:
        sentences = "; ".join(f"{where}: {what}" for where, what in faults[:5])
        sentences += f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        details = [{"field": where, "message": what} for where, what in faults[:MAX_VIOLATIONS]]
        raise RequestError(f"the request is not of the V2 form: {sentences}", details=details, total=len(faults))


def read_parameters(parameters: dict[str, Any], faults: list[Fault]) -> float | None:
    """The seconds that the caller waits, or None. Faults are appended."""
    for name in ("binary_data_output", "sequence_start", "sequence_end"):
        if name in parameters and type(parameters[name]) is not bool:
            faults.append((f"parameters.{name}", "expected true or false"))
    if parameters.get("sequence_id") not in (None, 0, ""):
        faults.append(("parameters.sequence_id", "models here keep nothing between requests"))
    if parameters.get("content_type") not in (None, COLUMNS, *PLAIN):
        faults.append(("parameters.content_type", f"expected one of {', '.join((COLUMNS, *PLAIN))}"))
    timeout = parameters.get("timeout")
    if timeout in (None, 0):
        return None
    if type(timeout) is not int or not 0 < timeout <= LONGEST:
        faults.append(("parameters.timeout", "expected whole microseconds, at most a day of them"))
        return None
    return timeout / 1e6


def read_inputs(entries: Any, raw: memoryview, limits: Limits, faults: list[Fault]) -> tuple[Input, ...]:
    """The tensors of a request; those with a binary_data_size follow each other in `raw`. Faults are appended."""
    if type(entries) is not list or not entries:
        faults.append(("inputs", "expected a list of tensors, at least one"))
        return ()
    check_count(entries)
    inputs, used = [], 0
    for place, entry in enumerate(entries):
        where = f"inputs[{place}]"
        if type(entry) is not dict:
            faults.append((where, "expected an object"))
            continue
        size = parameters_of(entry).get("binary_data_size")
        own = None
        if size is not None:
            if type(size) is not int or not 0 <= size <= len(raw) - used:
                faults.append((where, f"binary_data_size is {size!r:.40}, and {len(raw) - used} bytes are left"))
                return ()  # the beginning of the next tensors is unknown
            own, used = raw[used : used + size], used + size
        tensor = read_input(where, entry, own, limits, faults)
        if tensor is not None:
            inputs.append(tensor)
    if used < len(raw):
        faults.append(("inputs", f"{len(raw) - used} bytes follow the tensors; no binary_data_size names them"))
    return tuple(inputs)


def read_input(
    where: str, entry: dict[str, Any], raw: memoryview | None, limits: Limits, faults: list[Fault]
) -> Input | None:
    """One tensor; None where it is wrong, its faults appended. raw: its bytes, None where it has `data`.

    Raises PayloadTooLarge.
    """
    wrong = [*wrong_members(where, entry, limits), *wrong_data(where, entry, raw)]
    faults += wrong
    if wrong:
        return None
    name, datatype, shape = entry["name"], entry["datatype"], entry["shape"]
    limits.check(shape)
    try:
        octets = limits.octets and content_type(entry) != BASE64
        cells = (
            limits.read(datatype, shape, entry["data"]) if raw is None else read_binary(datatype, shape, raw, octets)
        )
        if content_type(entry) == JSON_CELLS:
            cells, shape = parsed_cells(cells, limits.rows or 0), shape[:1]
    except PayloadTooLarge:
        raise
    except RequestError as error:
        faults.append((where, error.message))
        return None
    return Input(name, cells, tuple(shape), datatype)


def wrong_members(where: str, entry: dict[str, Any], limits: Limits) -> Iterator[Fault]:
    """The faults of a tensor's name, datatype, shape and parameters."""
    datatype, shape, content = entry.get("datatype"), entry.get("shape"), content_type(entry)
    if type(entry.get("name")) is not str:
        yield f"{where}.name", "expected a text"
    if type(datatype) is not str or datatype not in DATATYPES:
        yield f"{where}.datatype", f"expected one of {', '.join(DATATYPES)}"
    dimensions = limits.dimensions
    if not is_shape(shape, dimensions):
        table = "one or two whole numbers, [rows] or [rows, columns]"
        expected = table if len(dimensions) == 2 else f"at most {dimensions[-1]} whole numbers"
        yield f"{where}.shape", f"expected {expected}"
    if type(entry.get("parameters")) not in (dict, type(None)):
        yield f"{where}.parameters", "expected an object"
    known = (BASE64, *PLAIN) if limits.octets else (COLUMNS, *PLAIN, JSON_CELLS)
    if content not in (None, *known):
        yield f"{where}.parameters.content_type", f"expected one of {', '.join(known)}"
    if content == JSON_CELLS and datatype != "BYTES":
        yield f"{where}.datatype", f"expected BYTES for {JSON_CELLS}"


def wrong_data(where: str, entry: dict[str, Any], raw: memoryview | None) -> Iterator[Fault]:
    """The faults of where a tensor's data is."""
    if "shared_memory_region" in parameters_of(entry):
        yield where, "shared memory is not read here; send the data"
    elif raw is None and "data" not in entry:
        yield f"{where}.data", "expected a list"
    elif raw is not None and entry.get("data") is not None:
        yield f"{where}.data", "is there, and binary_data_size too"


def is_shape(shape: Any, dimensions: range) -> bool:
    return type(shape) is list and len(shape) in dimensions and all(type(size) is int and size >= 0 for size in shape)


def parsed_cells(cells: Any, max_rows: int) -> list[Any]:
    """Cells of BYTES that are JSON texts, as MLServer writes columns of mixed types -> the values."""
    bodies = [None if cell is None else cell.encode() for cell in column(cells)]
    check_containers(b",".join(filter(None, bodies)), max_rows)
    values = []
    for place, body in enumerate(bodies):
        try:
            values.append(None if body is None else parse(body, max_rows))
        except RequestError:
            raise RequestError(f"element {place} is not JSON, as content_type says") from None
    return values


def content_type(entry: dict[str, Any]) -> Any:
    return parameters_of(entry).get("content_type")

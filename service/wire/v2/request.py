"""A request of V2: the envelope, its tensors, the outputs that it asks for; every fault at once.

call = decode(b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}')
call.instances()        # array([[1., 2.]])
"""

from typing import NamedTuple

import numpy as np

from ...errors import RequestError
from ..json_body import parse
from .tensors import DATATYPES, read_binary, read_json

__all__ = ["FIRST", "LENGTH", "Call", "Wanted", "decode", "refuse"]

LENGTH = "Inference-Header-Content-Length"
FIRST = "output-0"  # KServe's name for the only output of a model
KEYS = ("id", "parameters", "inputs", "outputs", "model_name", "model_version")
PLAIN, JSON_CELLS, COLUMNS = ("np", "str", "datetime"), "pd_json", "pd"
# Parameters of the protocol and of Triton's client; others are the model's business.
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


class Input(NamedTuple):
    """`cells`: ndarray of the shape, or a list (of lists) of plain values."""

    name: str
    cells: object
    shape: tuple
    datatype: str


class Wanted(NamedTuple):
    """An output that was asked for. `classes`: how many of the best of each row, as texts; 0: the tensor itself."""

    name: str
    binary: bool
    classes: int = 0


class Call(NamedTuple):
    """A request. `parameters`: those of the model. `timeout`: seconds, or None. `binary`: of outputs not named."""

    id: str | None
    inputs: tuple
    columns: bool
    outputs: tuple
    binary: bool
    parameters: dict
    timeout: float | None

    def instances(self):
        """ndarray [rows, columns], a list of rows, or an object of columns. Raises RequestError."""
        if not self.columns:
            return self.inputs[0].cells
        found, faults = {}, []
        for place, one in enumerate(self.inputs):
            if len(one.shape) > 1 and one.shape[1] != 1:
                faults.append((f"inputs[{place}].shape", f"a column is [rows] or [rows, 1], got {list(one.shape)}"))
            elif one.name in found:
                faults.append((f"inputs[{place}].name", f"{one.name!r} is there twice"))
            else:
                found[one.name] = column(one.cells)
        refuse(faults)
        return found

    def texts(self):
        """The texts of the one input, which is of BYTES. Raises RequestError."""
        if len(self.inputs) != 1 or self.inputs[0].datatype != "BYTES":
            refuse([("inputs", "exactly one input of BYTES is expected, with a text an element")])
        texts = column(self.inputs[0].cells)
        refuse([(f"inputs[0].data[{row}]", "expected a text") for row, one in enumerate(texts) if type(one) is not str])
        return texts


def column(cells):
    """The cells of a column as a list."""
    if isinstance(cells, np.ndarray):
        return cells.ravel().tolist()
    return [cell for row in cells for cell in row] if cells and type(cells[0]) is list else cells


def decode(body, header_length=None):
    """Bytes -> Call. header_length: the value of Inference-Header-Content-Length, None without one.

    Raises RequestError, whose details name every field that is wrong.
    """
    tail = b""
    if header_length is not None:
        if not (header_length.isdecimal() and header_length.isascii() and int(header_length) <= len(body)):
            raise RequestError(f"{LENGTH}: expected the bytes of JSON in the body of {len(body)} bytes")
        body, tail = body[: int(header_length)], memoryview(body)[int(header_length) :]
    value = parse(body)
    if type(value) is not dict:
        raise RequestError("the request is not of the V2 form: expected an object")
    parameters = value.get("parameters")
    parameters = {} if parameters is None else parameters
    faults = [(key[:80], f"is no key of a request; there are {', '.join(KEYS)}") for key in value if key not in KEYS]
    if type(parameters) is not dict:
        refuse([*faults, ("parameters", "expected an object")])
    identity = value.get("id")
    if identity is not None and type(identity) is not str:
        faults.append(("id", "expected a text"))
    inputs = read_inputs(value.get("inputs"), tail, faults)
    outputs = read_outputs(value.get("outputs"), parameters.get("binary_data_output") is True, faults)
    timeout = read_parameters(parameters, faults)
    refuse(faults)
    return Call(
        identity,
        inputs,
        len(inputs) > 1 or COLUMNS in (parameters.get("content_type"), content_type(value["inputs"][0])),
        outputs,
        parameters.get("binary_data_output") is True,
        {name: one for name, one in parameters.items() if name not in RESERVED},
        timeout,
    )


def refuse(faults):
    """Raise RequestError if there are any: (field, sentence)."""
    if faults:
        told = "; ".join(f"{where}: {what}" for where, what in faults[:5])
        told += f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        details = [{"field": where, "message": what} for where, what in faults]
        raise RequestError(f"the request is not of the V2 form: {told}", details=details, total=len(faults))


def read_parameters(parameters, faults):
    """The seconds that the caller waits, or None."""
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


def read_inputs(entries, tail, faults):
    if type(entries) is not list or not entries:
        faults.append(("inputs", "expected a list of tensors, at least one"))
        return ()
    found, used = [], 0
    for place, entry in enumerate(entries):
        where = f"inputs[{place}]"
        if type(entry) is not dict:
            faults.append((where, "expected an object"))
            continue
        size = parameters_of(entry).get("binary_data_size")
        raw = None
        if size is not None:
            if type(size) is not int or not 0 <= size <= len(tail) - used:
                faults.append((where, f"binary_data_size is {size!r:.40}, and {len(tail) - used} bytes are left"))
                return ()  # where the next ones begin, nobody knows
            raw, used = tail[used : used + size], used + size
        one = read_input(where, entry, raw, faults)
        if one is not None:
            found.append(one)
    if used < len(tail):
        faults.append(("inputs", f"{len(tail) - used} bytes follow the tensors; no binary_data_size names them"))
    return tuple(found)


def read_input(where, entry, raw, faults):
    name, datatype, shape = entry.get("name"), entry.get("datatype"), entry.get("shape")
    wrong = []
    if type(name) is not str:
        wrong.append((f"{where}.name", "expected a text"))
    if type(datatype) is not str or datatype not in DATATYPES:
        wrong.append((f"{where}.datatype", f"expected one of {', '.join(DATATYPES)}"))
    if type(shape) is not list or len(shape) not in (1, 2) or not all(type(n) is int and n >= 0 for n in shape):
        wrong.append((f"{where}.shape", "expected one or two whole numbers, [rows] or [rows, columns]"))
    if type(entry.get("parameters")) not in (dict, type(None)):
        wrong.append((f"{where}.parameters", "expected an object"))
    kind = content_type(entry)
    if kind not in (None, COLUMNS, JSON_CELLS, *PLAIN):
        wrong.append(
            (f"{where}.parameters.content_type", f"expected one of {', '.join((COLUMNS, *PLAIN, JSON_CELLS))}")
        )
    if kind == JSON_CELLS and datatype != "BYTES":
        wrong.append((f"{where}.datatype", f"expected BYTES for {JSON_CELLS}"))
    if "shared_memory_region" in parameters_of(entry):
        wrong.append((where, "shared memory is not read here; send the data"))
    elif raw is None and "data" not in entry:
        wrong.append((f"{where}.data", "expected a list"))
    elif raw is not None and entry.get("data") is not None:
        wrong.append((f"{where}.data", "is there, and binary_data_size too"))
    faults += wrong
    if wrong:
        return None
    try:
        cells = read_json(datatype, shape, entry["data"]) if raw is None else read_binary(datatype, shape, raw)
        if kind == JSON_CELLS:
            cells, shape = of_json(cells), shape[:1]
    except RequestError as error:
        faults.append((where, error.message))
        return None
    return Input(name, cells, tuple(shape), datatype)


def of_json(cells):
    """Cells of BYTES that are JSON texts, as MLServer writes columns of mixed kinds -> the values."""
    found = []
    for place, cell in enumerate(column(cells)):
        try:
            found.append(None if cell is None else parse(cell.encode()))
        except RequestError:
            raise RequestError(f"element {place} is not JSON, as content_type says") from None
    return found


def read_outputs(entries, binary, faults):
    if entries is None:
        return ()
    if type(entries) is not list:
        faults.append(("outputs", "expected a list of objects"))
        return ()
    found = {}
    for place, entry in enumerate(entries):
        if type(entry) is not dict or type(entry.get("name")) is not str:
            faults.append((f"outputs[{place}]", "expected an object with a name"))
            continue
        if type(entry.get("parameters")) not in (dict, type(None)):
            faults.append((f"outputs[{place}].parameters", "expected an object"))
        parameters = parameters_of(entry)
        raw, classes = parameters.get("binary_data", binary), parameters.get("classification", 0)
        if type(raw) is not bool:
            faults.append((f"outputs[{place}].parameters.binary_data", "expected true or false"))
        if type(classes) is not int or classes < 0:
            faults.append((f"outputs[{place}].parameters.classification", "expected how many classes"))
        if "shared_memory_region" in parameters:
            faults.append((f"outputs[{place}]", "shared memory is not written here"))
        found.setdefault(entry["name"], Wanted(entry["name"], raw, classes))
    return tuple(found.values())


def parameters_of(entry):
    found = entry.get("parameters")
    return found if type(found) is dict else {}


def content_type(entry):
    return parameters_of(entry).get("content_type")

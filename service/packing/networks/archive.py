"""A .pt2 file, which torch.export.save writes, read without running anything that a stranger has put into it.

    program = read_program(Path("model.pt2"))       # a torch.export.ExportedProgram; ValueError says what is refused

torch.export.load unpickles what the archive holds, evaluates the sizes in it as Python, compiles its guards, and looks
up every function that it names in torch's own modules; and what it has loaded, it writes as Python with the names of
the graph in it. So what torch gets to load is written anew here: tensors are read by torch's restricted unpickler and
pickled again, sizes are checked to be arithmetic of symbols, functions to be operators of tensors, names to be names,
and guards and traces are left out.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ...errors import in_a_line
from .expressions import check_expression
from .operators import check_operator

__all__ = ["read_program"]

MODEL, SAMPLE = "models/model.json", "data/sample_inputs/model.pt"
CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
MARKS = ("archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id")
WEIGHTS = ("data/weights/weight_", "data/constants/tensor_")
IGNORED = "extra/"
MOST_JSON = 2**28  # bytes
CONTAINERS = ("builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
NAMED = ("name", "fqn", "forward_arg_names")
NAME = re.compile(r"[\w. -]*")
AGAIN = "export it again with torch {torch} and save it with torch.export.save"


def read_program(path: Path) -> torch.export.ExportedProgram:
    """Raises ValueError for whatever is not served, or cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            checked = rewritten(archive)
        return torch.export.load(checked)
    except ValueError as error:
        raise ValueError(f"{path} was not opened: {error}") from None
    except Exception as error:  # whatever a damaged archive makes torch raise
        again = AGAIN.format(torch=torch.__version__.partition("+")[0])
        raise ValueError(f"{path} cannot be opened: {in_a_line(error, 240)}; {again}") from error


def rewritten(archive: zipfile.ZipFile) -> io.BytesIO:
    """The archive as torch may load it. Raises ValueError."""
    members = {each.filename.partition("/")[2]: each for each in archive.infolist()}
    check_members(members)
    changes: dict[str, bytes] = {MODEL: model_json(archive.read(members[MODEL]))}
    if SAMPLE in members:
        changes[SAMPLE] = repickled(archive.read(members[SAMPLE]), SAMPLE)
    for config in CONFIGS:
        folder = config.rpartition("/")[0]
        value = json.loads(archive.read(members[config]))
        for entry in value["config"].values():
            name = f"{folder}/{entry['path_name']}"
            if not name.startswith(WEIGHTS) or name not in members:
                raise ValueError(f"it holds {entry['path_name']!r:.80}, an object that is no tensor")
            if entry["use_pickle"]:
                changes[name] = repickled(archive.read(members[name]), name)
        changes[config] = json.dumps(value).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as copy:
        for name, member in members.items():
            if not name.startswith(IGNORED):
                copy.writestr(f"model/{name}", changes.get(name) or archive.read(member))
    made.seek(0)
    return made


def check_members(members: dict[str, zipfile.ZipInfo]) -> None:
    """Raise ValueError for an archive of another form, and for one that holds anything but a program and tensors."""
    missing = [name for name in (MODEL, *CONFIGS) if name not in members]
    if missing:
        again = AGAIN.format(torch=torch.__version__.partition("+")[0])
        raise ValueError(f"it has no {missing[0]}, as an older torch writes it: {again}")
    for name, member in members.items():
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name!r:.80} in it is compressed, and torch.export.save compresses nothing")
        known = name in (MODEL, SAMPLE, *CONFIGS, *MARKS) or name.startswith((*WEIGHTS, IGNORED))
        if not known:
            raise ValueError(f"it holds {name!r:.80}, which is no part of one program and its tensors")
    if members[MODEL].file_size > MOST_JSON:
        raise ValueError(f"its graph is larger than {MOST_JSON} bytes")


def repickled(content: bytes, name: str) -> bytes:
    """Tensors that torch has saved, saved again. Raises ValueError for anything else in the pickle."""
    if not content:
        return content
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{name} in it holds more than tensors: {in_a_line(error, 160)}") from error
    again = io.BytesIO()
    torch.save(found, again)
    return again.getvalue()


def model_json(content: bytes) -> bytes:
    """The graph, checked. Raises ValueError."""
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("its graph is no object")
    value["guards_code"] = []  # Python; what it checks is read from the sizes
    check(value)
    return json.dumps(value).encode()


def check(value: Any) -> None:
    """Raise ValueError for what torch would evaluate, import or look up, and is not known. Traces are taken out."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            if {"target", "inputs", "metadata"} <= each.keys():
                each["metadata"] = {}
            for key, inner in each.items():
                if key in OBJECTS and inner is not None:
                    raise ValueError("it uses an object that is no tensor")
                if key in CHECKS and isinstance(inner, str):
                    CHECKS[key](inner)
                elif key in NAMED or key.endswith("_name"):
                    check_names(inner)
            waiting += each.values()


def check_names(named: Any) -> None:
    """A name, or a list of them, that torch writes into Python. Raises ValueError for what is more than a name."""
    for name in named if isinstance(named, list) else [named]:
        if isinstance(name, str) and not NAME.fullmatch(name):
            raise ValueError(f"{name!r:.80} in it is no name")


def check_containers(text: str) -> None:
    """How inputs or outputs are nested, as JSON in a text. Raises ValueError for a class among them."""
    if not text:
        return
    waiting = [each for each in json.loads(text) if isinstance(each, dict)]
    while waiting:
        each = waiting.pop()
        kind = each["type"]
        if kind is not None and kind not in CONTAINERS:
            raise ValueError(
                f"its inputs or outputs are held by {kind!r:.80}: take and return tensors, in tuples, lists or dicts"
            )
        if kind is not None:
            check_names(keys_of(each["context"]))
        waiting += each["children_spec"]


def keys_of(context: str) -> list[str]:
    """The keys of a dict, as its JSON tells them; none of other containers. Raises ValueError for other keys."""
    keys = json.loads(context)
    if keys is None:
        return []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("its inputs or outputs are in dicts with other keys than texts")
    return keys


OBJECTS = ("as_custom_obj", "as_custom_objs")
CHECKS: dict[str, Callable[[str], None]] = {
    "target": check_operator,
    "as_operator": check_operator,
    "expr_str": check_expression,
    "in_spec": check_containers,
    "out_spec": check_containers,
}

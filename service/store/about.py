"""What people say of a model: what it is for, whose it is, how it is tagged, what its columns mean.

    <store>/<model>/about.json
    {"description": "Who will cancel next month", "owner": "crm@shop.example", "tags": ["churn"],
     "columns": {"tenure": {"unit": "months", "description": "since the first contract"}}}

It belongs to the model, not to one of its versions, and can be changed at any time: nothing that is computed depends
on it. So it is not signed, and a server shows it as text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ArtifactMissing, StartupError
from .atomic_write import atomic_write
from .remote.publishing import publisher_of
from .writing import changing

__all__ = ["ABOUT", "change_about", "faults_of", "read_about", "read_columns", "with_about"]

ABOUT = "about.json"
LONGEST = {"description": 2000, "owner": 200, "tag": 40, "unit": 40}  # characters
MOST_TAGS = 20
KNOWN = ("description", "owner", "tags", "columns")
OF_COLUMN = ("unit", "description")


def read_about(home: Path) -> dict[str, Any]:
    """What the folder of a model says of it; empty where nobody has said anything, or the file cannot be read."""
    try:
        found = json.loads((home / ABOUT).read_text(encoding="utf-8"))
        faults = list(faults_of(found))
    except (OSError, ValueError, RecursionError):
        return {}
    return {} if faults else found


def with_about(entry: dict[str, Any], home: Path) -> dict[str, Any]:
    """The description of a model with what is said of it: three keys more, and unit and description of its columns."""
    about = read_about(home)
    said: dict[str, Any] = {name: about[name] for name in KNOWN if name in about and name != "columns"}
    of_columns = about.get("columns")
    if of_columns and "columns" in entry:
        said["columns"] = [column | of_columns.get(column["name"], {}) for column in entry["columns"]]
    return entry | said


def change_about(root: Path, model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Say something of a model of the store, in the place of what was said before; an empty value takes it back.

    given: any of "description", "owner", "tags" and "columns". Returns all that is said now. Raises ValueError naming
    everything that is wrong with it, ArtifactMissing for a model that is not there, StartupError where the store cannot
    be written.
    """
    home = root / model
    if not home.is_dir():
        raise ArtifactMissing(f"the store {root} has no model {model}")
    with changing(root, model):
        now = {name: value for name, value in {**read_about(home), **given}.items() if value}
        if faults := list(faults_of(now)):
            raise ValueError("; ".join(faults))
        text = json.dumps(now, indent=1, ensure_ascii=False) + "\n"
        if (publisher := publisher_of(root)) is not None:
            publisher.put(model, ABOUT, text)
        atomic_write(home / ABOUT, text, mode=0o644)
    return now


def faults_of(about: Any) -> Iterable[str]:
    """What is wrong with it, a sentence each."""
    if not isinstance(about, dict):
        yield "expected an object"
        return
    yield from (f"{name}: nothing of this name is known of a model" for name in about if name not in KNOWN)
    for name in ("description", "owner"):
        yield from text_faults(name, about.get(name, ""), LONGEST[name])
    tags = about.get("tags", [])
    if not isinstance(tags, list) or len(tags) > MOST_TAGS:
        yield f"tags: expected a list of at most {MOST_TAGS} texts"
        tags = []
    for tag in tags:
        yield from text_faults("tag", tag, LONGEST["tag"])
    columns = about.get("columns", {})
    if not isinstance(columns, dict):
        yield "columns: expected an object"
        columns = {}
    for column, said in columns.items():
        if not isinstance(said, dict) or said.keys() - set(OF_COLUMN):
            yield f"column {column!r}: expected an object with a unit and a description"
            continue
        for name, text in said.items():
            yield from text_faults(f"{name} of column {column!r}", text, LONGEST[name])


def text_faults(what: str, text: Any, longest: int) -> Iterable[str]:
    if not isinstance(text, str):
        yield f"{what}: expected a text"
    elif len(text) > longest:
        yield f"{what}: expected at most {longest} characters, got {len(text)}"
    elif any(not character.isprintable() and character != "\n" for character in text):
        yield f"{what}: expected characters that can be printed"


def read_columns(path: Path) -> dict[str, dict[str, str]]:
    """What a file says of columns: {column: {"unit", "description"}}, both optional.

    A CSV with a header of `name` and any of `unit` and `description`; or JSON, {column: {...}} or {column: its
    description}. Raises ValueError or StartupError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8") from None
    said = columns_of_json(path, text) if path.suffix == ".json" else columns_of_csv(path, text)
    if faults := list(faults_of({"columns": said})):
        raise ValueError(f"{path}: {'; '.join(faults)}")
    return said


def columns_of_json(path: Path, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f'{path}: expected an object such as {{"tenure": {{"unit": "months"}}}}')
    return {name: {"description": said} if isinstance(said, str) else said for name, said in found.items()}


def columns_of_csv(path: Path, text: str) -> dict[str, dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows, header = list(reader), list(reader.fieldnames or ())
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV: {error}") from None
    if not rows or "name" not in header or set(header) - {"name", *OF_COLUMN}:
        raise ValueError(f"{path}: expected a CSV with the header name,unit,description, got {header}")
    if wide := [row["name"] for row in rows if None in row]:
        raise ValueError(f"{path}: the row of {wide[0]!r} has more cells than the header")
    return {row["name"]: {name: row[name] for name in OF_COLUMN if row.get(name)} for row in rows}

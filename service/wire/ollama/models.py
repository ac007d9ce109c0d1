"""What Ollama tells of models: its lists, and one of them in full.

    tags([(entry, files), ...])     # {"models": [{"name": "smollm2:latest", "size": 538090408, ...}]}
    show(entry)                     # {"capabilities": ["completion", "tools"], "model_info": {...}, ...}

entry: what a model tells of itself (Model.describe). files: {name: {"sha256", "bytes"}}, of the manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ...capabilities import GENERATE_TEXT
from ...errors import RequestError
from ..adapter import Request
from ..envelope import fault
from .names import LATEST, NAMES

__all__ = ["VERSION", "asked_for", "show", "tags"]

VERSION = "0.12.11"  # the release whose protocol this is; programs ask for a least one
SPELLED = {own: name for name, own in NAMES.items()}  # sampling parameter -> option
Described = tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]


def tags(models: Iterable[Described]) -> dict[str, Any]:
    return {"models": [described(*each) for each in models]}


def described(entry: dict[str, Any], files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    name = entry["name"] + LATEST
    return {
        "name": name,
        "model": name,
        "modified_at": entry["created"],
        "size": sum(file["bytes"] for file in files.values()),
        "digest": hashlib.sha256("".join(sorted(file["sha256"] for file in files.values())).encode()).hexdigest(),
        "details": details(entry),
    }


def details(entry: dict[str, Any]) -> dict[str, Any]:
    family = entry["architecture"]
    return {
        "parent_model": "",
        "format": entry["runtime"]["name"],
        "family": family,
        "families": [family],
        "parameter_size": f"{entry['parameter_count'] / 1e6:.1f}M",
        "quantization_level": entry["runtime"].get("precision", entry["dtype"]),
    }


def asked_for(request: Request) -> str:
    """The name in the body of a question about a model; `name` is its older spelling. Raises RequestError."""
    value = request.json
    name = (value.get("model") or value.get("name")) if isinstance(value, dict) else None
    if not isinstance(name, str):
        raise RequestError('expected {"model": "<name>"}', details=[fault("model", "a name")])
    return name.removesuffix(LATEST)


def show(entry: dict[str, Any]) -> dict[str, Any]:
    """Raises RequestError for a model that generates no text."""
    if GENERATE_TEXT.name not in entry["capabilities"]:
        raise RequestError(f"{entry['name']} generates no text; Ollama's protocol has no other models")
    family = entry["architecture"]
    return {
        "modelfile": "",
        "parameters": "\n".join(f"{SPELLED[name]} {value}" for name, value in entry["sampling_defaults"].items()),
        "template": "",
        "modified_at": entry["created"],
        "details": details(entry),
        "capabilities": ["completion", *(["tools"] if entry["calls_functions"] else [])],
        "model_info": {
            "general.architecture": family,
            "general.basename": entry["name"],
            "general.parameter_count": entry["parameter_count"],
            f"{family}.context_length": entry["context_length"],
            f"{family}.vocab_size": entry["vocabulary_size"],
        },
    }

"""What a checkpoint's own generation_config.json says of sampling, for requests that say nothing.

    sampling_defaults(version.folder)       # {"temperature": 0.6, "top_p": 0.95}

As transformers and vLLM read it. `max_new_tokens` is there as `max_tokens`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..generation.limits import PARAMETERS

__all__ = ["FILE", "sampling_defaults"]

FILE = "generation_config.json"
# Its names -> ours.
FIELDS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "max_new_tokens": "max_tokens",
}
SAMPLED = ("temperature", "top_k", "top_p", "min_p")  # what says nothing where the most probable token is taken


def sampling_defaults(folder: Path) -> dict[str, Any]:
    """{sampling parameter: JSON value}; empty without the file. Raises ValueError that names a value out of range."""
    path = folder / FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ValueError(f"{FILE} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"{FILE} holds no object")
    defaults = {ours: config[theirs] for theirs, ours in FIELDS.items() if config.get(theirs) is not None}
    if config.get("do_sample") is False:
        defaults = {name: value for name, value in defaults.items() if name not in SAMPLED} | {"temperature": 0}
    for name, value in defaults.items():
        if not PARAMETERS[name].accepts(value):
            raise ValueError(f"{FILE}: {name}: expected {PARAMETERS[name].expected}, got {value!r:.60}")
    return defaults

"""Ollama's `options` as sampling parameters of ours, and its `format` as a constraint.

Options().deserialize({"num_predict": 20, "num_ctx": 4096})     # {"max_tokens": 20}
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

from ...generation.limits import violations
from ..openai.request import unserved
from .names import NAMES

__all__ = ["IDLE", "NEUTRAL", "Format", "Options"]

# Options of Ollama's machinery, which say nothing about the text. A conversation is never cut to num_ctx: one that is
# longer than the context is refused.
IDLE = {
    *("numa", "num_ctx", "num_batch", "num_gpu", "main_gpu", "low_vram", "f16_kv", "logits_all", "vocab_only"),
    *("use_mmap", "use_mlock", "embedding_only", "num_thread", "num_keep", "mirostat_tau", "mirostat_eta"),
}
# Options that are not served -> the values that ask for nothing. A penalty looks at the whole text.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "mirostat": (0,),
    "penalize_newline": (True,),
    "repeat_last_n": (-1,),
    "tfs_z": (1,),
    "typical_p": (1,),
}


class Options(fields.Field):
    """An object of options -> {sampling parameter: value}, each of which is right."""

    def _deserialize(self, value, attr, data, **_):
        if not isinstance(value, dict):
            raise ValidationError("expected an object")
        given = {name: each for name, each in value.items() if each is not None}
        parameters, faults = {}, {each["parameter"]: [each["message"]] for each in unserved(given, NEUTRAL)}
        for name, each in given.items():
            if name == "num_predict" and each in (-1, -2):
                continue  # without num_predict it writes to the end
            if name in NAMES:
                parameters[NAMES[name]] = each
                for fault in violations({NAMES[name]: each}):
                    faults[name] = ["expected {expected}, got {got}".format(**fault)]
            elif name not in {*NEUTRAL, *IDLE}:
                faults[name] = [f"unknown option; there are {', '.join(sorted({*NAMES, *IDLE, *NEUTRAL}))}"]
        if faults:
            raise ValidationError(faults)
        return parameters


class Format(fields.Field):
    """ "json", a JSON schema, or "" -> a constraint, or None."""

    def _deserialize(self, value, attr, data, **_):
        if value == "":
            return None
        if value == "json":
            return {"type": "json_object"}
        if isinstance(value, dict):
            return {"type": "json_schema", "schema": value}
        raise ValidationError('expected "json" or a JSON schema, an object')

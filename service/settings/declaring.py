"""How a setting is declared and named, and what its text may be: each parser's docstring says what is expected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, field
from pathlib import Path
from typing import Any

__all__ = [
    "PREFIX",
    "at_least",
    "auto_or_manual",
    "folder_or_url",
    "http_url",
    "jsonl_or_parquet",
    "key",
    "log_format",
    "names",
    "seconds",
    "setting",
    "shares",
    "unknown",
    "variable",
    "yes_or_no",
    "zero_or_at_least",
]

PREFIX = "DAYLIGHT_"


def setting(
    default: Any, sentence: str, *, parse: Callable[[str], Any] = str, bare: bool = False, secret: bool = False
) -> Any:
    """A field of Settings.

    default: a value, or a function that gives it. parse: text -> value; its docstring says what is expected. bare:
    the variable has no prefix. secret: the value is never shown.
    """
    kind = {"default_factory": default} if callable(default) else {"default": default}
    metadata = {"sentence": sentence, "parse": parse, "bare": bare, "secret": secret}
    return field(**kind, repr=not secret, metadata=metadata)


def at_least(lowest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if int(text) < lowest:
            raise ValueError(parse.__doc__)
        return int(text)

    parse.__doc__ = f"a whole number, {lowest} or more"
    return parse


def zero_or_at_least(lowest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if 0 != int(text) < lowest:
            raise ValueError(parse.__doc__)
        return int(text)

    parse.__doc__ = f"0, or a whole number, {lowest} or more"
    return parse


def yes_or_no(text: str) -> bool:
    """yes or no"""
    return {"yes": True, "no": False}[text.lower()]


def auto_or_manual(text: str) -> str:
    """auto or manual"""
    return {"auto": "auto", "manual": "manual"}[text.lower()]


def http_url(text: str) -> str:
    """an http:// or https:// URL"""
    if text and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", text):
        raise ValueError(http_url.__doc__)
    return text


def folder_or_url(text: str) -> Path | str:
    """a folder, or a URL: s3://bucket/folder, gs://, az://, hf://owner/repository@commit, oci://host/repository:tag"""
    if "://" not in text:
        return Path(text)
    if not re.fullmatch(r"(s3|gs|az)://[A-Za-z0-9][^\s?#@]*|(hf|oci)://[A-Za-z0-9][^\s?#]*", text):
        raise ValueError(folder_or_url.__doc__)
    return text.rstrip("/")


def log_format(text: str) -> str:
    """auto, text or json"""
    return {"auto": "auto", "text": "text", "json": "json"}[text.lower()]


def jsonl_or_parquet(text: str) -> str:
    """jsonl or parquet"""
    return {"jsonl": "jsonl", "parquet": "parquet"}[text.lower()]


def shares(text: str) -> tuple[tuple[str, float], ...]:
    """numbers from 0 to 1, by commas: one for all models, and NAME=number for each that has another"""
    pairs = [part.rpartition("=") for part in names(text)]
    found = {name.strip(): float(number) for name, _, number in pairs}
    if len(found) < len(pairs) or any(sign and not name.strip() for name, sign, _ in pairs):
        raise ValueError(shares.__doc__)
    if not all(0 <= number <= 1 for number in found.values()):
        raise ValueError(shares.__doc__)
    return tuple(found.items())


def seconds(text: str) -> float:
    """seconds, 0 or more"""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(seconds.__doc__)
    return number


def names(text: str) -> tuple[str, ...]:
    """names, separated by commas"""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def key(text: str) -> str:
    """at least 16 characters"""
    if text and len(text) < 16:
        raise ValueError(key.__doc__)
    return text


def variable(each: Field) -> str:
    """The environment variable of a field of Settings."""
    return each.name.upper() if each.metadata["bare"] else PREFIX + each.name.upper()


def unknown(name: str, known: Mapping[str, Any]) -> str:
    """What to say of a variable that is no setting."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "docs/settings.md lists the settings"
    return f"{name} is not a setting; {hint}"

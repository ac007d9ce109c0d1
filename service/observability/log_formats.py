"""The two forms of the log: lines for a terminal, objects of JSON for what collects logs.

    as_json("auto", sys.stderr)         # False on a terminal, True into a file, a pipe or the journal
    handler.setFormatter(JsonFormatter())

Every line of the log is one object, a traceback inside it: collectors split at line ends. The ids of a trace are named
as OpenTelemetry has them in logs (https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/).
"""

from __future__ import annotations

import logging
import time
from typing import IO, Any

import orjson

__all__ = ["JsonFormatter", "TextFormatter", "as_json", "json_line"]

TEXT = "%(asctime)s %(process)d %(levelname)s %(message)s"


def as_json(form: str, stream: IO[str]) -> bool:
    """Whether the log is JSON; form: "auto", "text" or "json". stream: where it goes."""
    return form == "json" or (form == "auto" and not stream.isatty())


def json_line(when: str, level: str, process: int, fields: dict[str, Any]) -> bytes:
    """One line, its end included; when: of RFC 3339. Paths may hold halves of surrogates, which become `?`."""
    entry = {"time": when, "level": level, "process": process, **fields}
    try:
        return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a text that is not Unicode
        sound = {
            name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            for name, value in entry.items()
        }
        return orjson.dumps(sound, option=orjson.OPT_APPEND_NEWLINE)


class TextFormatter(logging.Formatter):
    """2026-11-28 08:57:38,123 4711 INFO loaded tumour version 1 (tabular)"""

    def __init__(self) -> None:
        super().__init__(TEXT)


class JsonFormatter(logging.Formatter):
    """{"time": "2026-11-28T08:57:38.123Z", "level": "INFO", "process": 4711, "message": "loaded tumour version 1"}"""

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        fields: dict[str, Any] = {"message": record.getMessage()}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json_line(when, record.levelname, record.process or 0, fields)[:-1].decode()

"""The access log: one line per request, on stderr, and how Daylight's own log is set up.

    POST /v1/models/tumour:predict 200 0.8ms model=tumour id=6f1d2c3b... key=shop
    {"time": "...", "method": "POST", "path": "/v1/models/tumour:predict", "status": 200, "milliseconds": 0.8, ...}

It is written for people on a terminal, and as JSON elsewhere (log_formats.py). It never holds a request's or an
answer's contents. A worker's lines wait for each other, and are written together: at most HELD seconds late
(line_writer.py).
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from .line_writer import LineWriter
from .log_formats import JsonFormatter, TextFormatter, as_json, json_line

if TYPE_CHECKING:
    from ..web.context import RequestContext

__all__ = ["configure", "hold", "line"]

PACKAGE = __name__.partition(".")[0]  # `service` in the checkout, `daylight` once installed
log = logging.getLogger(f"{PACKAGE}.requests")


class Stderr(logging.StreamHandler):
    """Daylight's own handler. It makes the line of a request itself: a log record would cost a tenth of an answer.

    json: whether its lines are JSON.
    """

    def __init__(self, json: bool) -> None:
        super().__init__()
        self.json = json
        self.setFormatter(JsonFormatter() if json else TextFormatter())
        self.lines = LineWriter(self.stream)
        self.second, self.shown = 0, ""  # the current second, and how it is written
        self.process = 0  # looked up once a second

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.flush()  # what happened before it stands before it
        super().emit(record)

    def write(self, fields: dict[str, Any]) -> None:
        """The line of a request."""
        now = time.time()
        second = int(now)
        if second != self.second:
            form, moment = ("%Y-%m-%dT%H:%M:%S", time.gmtime) if self.json else ("%Y-%m-%d %H:%M:%S", time.localtime)
            self.second, self.shown, self.process = second, time.strftime(form, moment(second)), os.getpid()
        thousandths = int((now - second) * 1000)
        if self.json:
            self.lines.add(json_line(f"{self.shown}.{thousandths:03d}Z", "INFO", self.process, fields))
        else:
            text = f"{self.shown},{thousandths:03d} {self.process} INFO {text_of(fields)}\n"
            self.lines.add(text.encode("ascii", "backslashreplace"))


def configure(form: str = "auto") -> None:
    """Send Daylight's own log to stderr, unless the program around it has set up logging. form: DAYLIGHT_LOG_FORMAT."""
    root = logging.getLogger(PACKAGE)
    if not root.handlers and not logging.getLogger().handlers:
        root.addHandler(Stderr(as_json(form, sys.stderr)))
        root.setLevel(logging.INFO)


def hold() -> None:
    """Let lines wait for each other from now on, for at most HELD seconds: for a worker, after its fork."""
    handler = own_handler()
    if handler is not None:
        handler.lines.hold()


def own_handler() -> Stderr | None:
    """The handler of `configure`; None where the program around set up another, or added one."""
    handlers = log.parent.handlers if log.parent else []
    return handlers[0] if len(handlers) == 1 and type(handlers[0]) is Stderr else None


def line(method: str, path: str, status: int, context: RequestContext, *, quiet: bool = False) -> None:
    """Write the line of one request; `path` is WSGI's, decoded as latin-1. quiet: at DEBUG, unless it is an error's."""
    if not log.isEnabledFor(logging.DEBUG if quiet and status < 400 else logging.INFO):
        return
    fields = {
        "method": method,
        "path": path,
        "status": status,
        "milliseconds": round((time.perf_counter() - context.began) * 1000, 3),
        "model": context.model,
        "id": context.id,
    }
    if context.key:
        fields["key"] = context.key
    if context.trace:
        _, fields["trace_id"], fields["span_id"], _ = context.trace.split("-")
    handler = own_handler()
    if handler is not None:
        handler.write(fields)
    else:
        log.info("%s", text_of(fields))


def text_of(fields: dict[str, Any]) -> str:
    # Escaped: a URL must not write log lines of its own, nor colors into a terminal.
    path = fields["path"]
    shown = path if path.isascii() and path.isprintable() else ascii(path)[1:-1]
    more = f" key={fields['key']}" if "key" in fields else ""
    if "trace_id" in fields:
        more += f" trace={fields['trace_id']} span={fields['span_id']}"
    return (
        f"{fields['method']} {shown} {fields['status']} {fields['milliseconds']:.1f}ms "
        f"model={fields['model']} id={fields['id']}{more}"
    )

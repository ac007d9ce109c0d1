"""The access log: one line per request, on stderr, and how Daylight's own log is set up.

    POST /v1/models/tumour:predict 200 0.8ms model=tumour id=6f1d2c3b... key=shop

It never holds a request's or an answer's contents. A worker's lines wait for each other, and are written together: at
most HELD seconds late (line_writer.py).
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from .line_writer import LineWriter

if TYPE_CHECKING:
    from ..web.context import RequestContext

__all__ = ["configure", "hold", "line"]

PACKAGE = __name__.partition(".")[0]  # `service` in the checkout, `daylight` once installed
log = logging.getLogger(f"{PACKAGE}.requests")
FORMAT = "%(asctime)s %(process)d %(levelname)s %(message)s"


class Stderr(logging.StreamHandler):
    """Daylight's own handler. It makes the line of a request itself, for a tenth of what a log record costs.

    A log record would cost a tenth of a whole answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(FORMAT))
        self.lines = LineWriter(self.stream)
        self.second, self.shown = 0, ""  # the current second, and how it is written
        self.process = 0  # looked up once a second

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.flush()  # what happened before it stands before it
        super().emit(record)

    def write(self, message: str) -> None:
        now = time.time()
        second = int(now)
        if second != self.second:
            shown = time.strftime(logging.Formatter.default_time_format, time.localtime(second))
            self.second, self.shown, self.process = second, shown, os.getpid()
        text = f"{self.shown},{int((now - second) * 1000):03d} {self.process} INFO {message}\n"
        self.lines.add(text.encode("ascii", "backslashreplace"))


def configure() -> None:
    """Send Daylight's own log to stderr, unless the program around it has set up logging."""
    root = logging.getLogger(PACKAGE)
    if not root.handlers and not logging.getLogger().handlers:
        root.addHandler(Stderr())
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
    milliseconds = (time.perf_counter() - context.began) * 1000
    # Escaped: a URL must not write log lines of its own, nor colors into a terminal.
    shown = path if path.isascii() and path.isprintable() else ascii(path)[1:-1]
    more = f" key={context.key}" if context.key else ""
    if context.trace:
        _, trace, span, _ = context.trace.split("-")
        more += f" trace={trace} span={span}"
    text = f"{method} {shown} {status} {milliseconds:.1f}ms model={context.model} id={context.id}{more}"
    handler = own_handler()
    if handler is not None:
        handler.write(text)
    else:
        log.info("%s", text)

"""One line per request, on stderr: method, path, status, milliseconds, model, request id, and whose key it was.

Never what was asked or answered.
"""

import logging
import os
import time

__all__ = ["configure", "line"]

PACKAGE = __name__.partition(".")[0]  # `service` in the checkout, `daylight` once installed
log = logging.getLogger(f"{PACKAGE}.requests")
FORMAT = "%(asctime)s %(process)d %(levelname)s %(message)s"
LINE = "%s %s %s %.1fms model=%s id=%s"
KEYED = LINE + " key=%s"


class Stderr(logging.StreamHandler):
    """Daylight's own handler. It writes a request's line itself, for a tenth of what a log record costs.

    That is a tenth of a whole answer. One write of one line: lines of several threads and workers do not mix.
    """

    def __init__(self):
        super().__init__()
        self.setFormatter(logging.Formatter(FORMAT))
        self.second, self.shown = 0, ""

    def write(self, message):
        now = time.time()
        second = int(now)
        if second != self.second:
            shown = time.strftime(logging.Formatter.default_time_format, time.localtime(second))
            self.second, self.shown = second, shown
        text = f"{self.shown},{int((now - second) * 1000):03d} {os.getpid()} INFO {message}\n"
        try:
            os.write(self.stream.fileno(), text.encode("ascii", "backslashreplace"))
        except OSError:  # nobody reads the log any more; requests are answered all the same
            return


def configure():
    """Send Daylight's own log to stderr, unless the program around it has set logging up."""
    root = logging.getLogger(PACKAGE)
    if not root.handlers and not logging.getLogger().handlers:
        root.addHandler(Stderr())
        root.setLevel(logging.INFO)


def line(method, path, status, context):
    """Write the line of one request; `path` is WSGI's, decoded as latin-1."""
    if not log.isEnabledFor(logging.INFO):
        return
    milliseconds = (time.perf_counter() - context.began) * 1000
    # What a caller puts into a URL must not write log lines of its own, nor colours into a terminal.
    shown = path if path.isascii() and path.isprintable() else ascii(path)[1:-1]
    told = (method, shown, status, milliseconds, context.model, context.id)
    form = LINE
    if context.key:
        form, told = KEYED, (*told, context.key)
    handlers = log.parent.handlers
    if handlers and type(handlers[0]) is Stderr and len(handlers) == 1:
        handlers[0].write(form % told)
    else:
        log.info(form, *told)

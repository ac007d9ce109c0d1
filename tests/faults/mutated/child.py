"""One process that opens many damaged files, and writes a line of JSON before and after each.

python -m tests.faults.mutated.child pickle originals/ own/ journal 0 500
"""

import faulthandler
import gc
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from service.server.lifecycle.memory_limit import data_bytes

from .mutations import meant, mutated
from .openers import BODIES, expected, opener
from .watch import Reached, Watch

__all__ = ["MEMORY", "MOST_BODY", "SECONDS"]

SECONDS = 10
MEMORY = 2**30  # bytes more than the process has when everything is imported; the kernel gives no more
MOST_BODY = 2**28  # of one body: sixteen times the largest that is taken
MOST_MESSAGE = 2000  # characters


class Hangs(BaseException):
    pass


def hang(*_):
    raise Hangs


def main(kind, originals, own, journal, first, count):
    own, originals = Path(own), Path(originals)
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    opened = opener(kind, originals, own)
    warm_up(kind, originals, opened)
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, hang)
    watch = Watch(own)
    made = sorted(str(path) for path in Path.cwd().rglob("*"))  # by imports alone, as torch does
    os.write(log, f"{json.dumps({'elsewhere': made})}\n".encode())
    for seed in range(first, first + count):
        name, data = mutated(kind, seed, originals)
        os.write(log, f"{json.dumps({'seed': seed, 'name': name})}\n".encode())
        told = open_one(watch, opened, name, data)
        if not told.get("finding") and watch.grown > (MOST_BODY if kind in BODIES else MEMORY):
            told["finding"] = "memory"
        os.write(log, f"{json.dumps({'seed': seed, 'name': name, **told})}\n".encode())
        gc.collect()


def warm_up(kind, originals, opened):
    """Open an original of each sort: it has to open, and what is imported late is imported then."""
    mutated(kind, 0, originals)
    seen = set()
    for path in sorted(originals.rglob("*")):
        sort = path.name.partition("-")[0] if path.parent == originals else path
        if path.is_file() and meant(kind, str(path.relative_to(originals))) and sort not in seen:
            seen.add(sort)
            try:
                opened(str(path.relative_to(originals)), path.read_bytes())
            except Exception as error:
                if not expected(error) or kind not in (*BODIES, "pickle", "joblib", "skops"):
                    raise


def open_one(watch, opened, name, data):
    """{"outcome", "finding", "message", "seconds", "grown"} of one file."""
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    faulthandler.dump_traceback_later(SECONDS + 5, exit=True)  # a loop in C hears no alarm
    finding = message = ""
    try:
        with watch:
            opened(name, data)
        outcome = "opened"
    except BaseException as error:
        message, outcome = text_of(error), type(error).__name__
        if not expected(error):
            finding = "hang" if isinstance(error, Hangs) else "escaped"
        elif not message.isprintable() or len(message) > MOST_MESSAGE:
            finding = "no sentence"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    if watch.reached:
        finding, message = "reached", watch.reached
    seconds = time.monotonic() - began
    if seconds > SECONDS:
        finding = "hang"
    told = {"outcome": outcome, "message": message[:500], "seconds": round(seconds, 3), "grown": watch.grown}
    return told | ({"finding": finding} if finding else {})


def text_of(error):
    return str(error) if not isinstance(error, Reached | Hangs) else ""


if __name__ == "__main__":
    main(*sys.argv[1:5], *map(int, sys.argv[5:]))

"""What a process does while a file is opened: files written, processes, sockets, imports, memory.

with Watch(own=folder) as watch: ...        # raises Reached at the first that is not allowed
watch.grown                                 # bytes of memory that it took more than before, at its peak
"""

import os
import sys
from pathlib import Path

from service.models.runtimes.safe_names import PACKAGES

__all__ = ["Reached", "Watch"]

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.truncate",
    "shutil.",
)
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.kill", "os.putenv"),
    *("subprocess.Popen", "pty.spawn", "socket.", "urllib.Request", "ftplib.", "smtplib.", "webbrowser.open"),
    *("sqlite3.connect", "ctypes.dlopen", "signal.pthread_kill", "sys.addaudithook"),
)
NEVER_IMPORTED = {"antigravity", "this", "idlelib", "turtledemo", "webbrowser", "pty", "ensurepip"}
KNOWN = {name.partition(".")[0] for name in PACKAGES} | sys.stdlib_module_names


class Reached(BaseException):
    """The file made the process do what no file may."""


class Watch:
    """own: the one folder in which files may be written. Made once in a process: an audit hook cannot be taken out."""

    def __init__(self, own):
        self.own = str(own)
        self.on = False
        self.reached = None
        self.known = KNOWN | tops()
        sys.addaudithook(self.hook)

    def hook(self, event, arguments):
        if not self.on or self.reached:
            return
        if event == "open":
            path, _, flags = arguments
            if flags & WRITES and not self.inside(path):
                self.raise_alarm(f"opened {path!r} for writing")
        elif event.startswith(CHANGES):
            if not self.inside(arguments[0]):
                self.raise_alarm(f"{event} {arguments[0]!r}")
        elif event.startswith(FORBIDDEN):
            self.raise_alarm(f"{event} {arguments!r:.200}")

    def inside(self, path):
        if isinstance(path, int):
            return True  # a descriptor that is open already
        path = os.path.abspath(os.fsdecode(path))
        return path.startswith(self.own + os.sep) or path in (os.devnull, "/proc/self/clear_refs")

    def raise_alarm(self, what):
        self.reached = what
        raise Reached(what)

    def __enter__(self):
        self.reached = None
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self.before = kilobytes("VmRSS")
        self.on = True
        return self

    def __exit__(self, *_):
        self.on = False
        self.grown = max(0, kilobytes("VmHWM") - self.before) * 1024
        new = tops() - self.known
        self.known |= new
        if not self.reached and (unknown := new | (NEVER_IMPORTED & sys.modules.keys())):
            self.reached = f"imported {', '.join(sorted(unknown))}"


def tops():
    return {name.partition(".")[0] for name in list(sys.modules)}


def kilobytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))

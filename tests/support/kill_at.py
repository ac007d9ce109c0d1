"""Kill a process at each of its system calls that write, one after the other, and look at what it leaves.

for number, finished in killed_at_each_write(act): ...    # after the n-th process was killed, or has finished
"""

import contextlib
import os
import sys

__all__ = ["killed_at_each_write"]

EVENTS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "os.link", "os.symlink"}
KILLED = 9


def killed_at_each_write(act, prepare):
    """Call prepare() and then act() in a process that is killed before its n-th write, for n = 1, 2, ...

    Yields (n, whether the process came to its end) and stops after the first that did.
    """
    number, finished = 0, False
    while not finished:
        number += 1
        prepare()
        pid = os.fork()
        if pid == 0:
            die_at(number, act)
        finished = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != KILLED
        yield number, finished


def die_at(number, act):
    """In the child: nothing of Python runs after the n-th write, as after SIGKILL."""
    left = number

    def count():
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(KILLED)

    def hook(event, arguments):
        if event in EVENTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE):
            count()

    flush = os.fsync

    def fsync(descriptor):
        count()  # what was written before may be there, in part or whole
        flush(descriptor)

    os.fsync = fsync
    sys.addaudithook(hook)
    code = 1
    with contextlib.suppress(Exception):
        act()
        code = 0
    os._exit(code)

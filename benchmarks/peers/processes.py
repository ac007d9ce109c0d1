"""A server's processes: started, weighed and ended as one, whatever they fork.

with Processes(command, cwd=folder, env=env, log=path) as server:
    server.cpu(), server.memory()      # seconds of processor time, bytes of memory (PSS) of the whole tree
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

__all__ = ["Processes", "busy", "processor_time"]

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 10  # seconds to end after TERM


def stat(pid):
    """The fields of /proc/PID/stat after the name, which may hold spaces itself; None where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def busy():
    """Seconds of processor time that everything on this machine has used so far."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def tree(root):
    """{pid: fields of stat} of a process and of all that descends from it."""
    everyone = {int(entry.name): stat(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    children = {}
    for pid, fields in everyone.items():
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    found, waiting = {}, [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        if everyone.get(pid):
            found[pid] = everyone[pid]
    return found


def processor_time(root):
    """Seconds, user and system, of a process, of all that descends from it and of their ended children."""
    return sum(sum(map(int, fields[11:15])) for fields in tree(root).values()) / TICKS


class Processes:
    """A program and its descendants; leaving the block ends them all, politely at first."""

    def __init__(self, command, *, cwd, env, log):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        family = tree(self.process.pid)  # taken now: whoever loses its parent no longer descends from it
        self.process.terminate()
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline and any(self.lives(pid, fields) for pid, fields in family.items()):
            self.process.poll()  # a zombie would count as living
            sleep(0.05)
        for pid, fields in family.items():
            if self.lives(pid, fields):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    @staticmethod
    def lives(pid, fields):
        """Whether it is still that process (it started at the same moment) and not a zombie."""
        now = stat(pid)
        return now is not None and now[19] == fields[19] and now[0] != "Z"

    @property
    def ended(self):
        return self.process.poll() is not None

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def cpu(self):
        return processor_time(self.process.pid)

    def memory(self):
        """Bytes, proportional set size: a page shared by n processes counts 1/n in each."""
        total = 0
        for pid in tree(self.process.pid):
            with suppress(OSError):  # it has ended meanwhile
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        return total

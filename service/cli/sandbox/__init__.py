"""Run a module of this package in a box: it reads what it is shown, writes one folder, and reaches nothing else.

    box = Box(module, folder, seen_as=store, limits=Limits(memory=2**33, seconds=600), reads=[file])
    outcome = box.run(request, out, err)
    outcome.status, outcome.fault

The box is made by bubblewrap (`bwrap`) from the namespaces of the Linux kernel, without privileges: no network, no
process of the machine, no capability, and a file system of the system's libraries, Python, and what is named. The
kernel bounds each process (limits), and the caller's process all of them together (watch). What runs in the box runs
as the same user on the same kernel: a hole in the kernel is a way out.
"""

from .box import Box, Outcome
from .bubblewrap import why_not
from .limits import Limits

__all__ = ["Box", "Limits", "Outcome", "why_not"]

"""What a boxed module may use.

    limits = Limits(memory=8 * 2**30, seconds=600)
    limits.impose()              # in the box, before anything foreign is opened

The kernel keeps these bounds for each process. Together with `watch`, which adds the processes up, they bound the box.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TASKS", "Limits"]

# Numerical libraries start a thread a core, each of them anew. The kernel does not bound root's; `watch` does. Kernels
# before 5.14 count all that the user runs, so it has to be more than a desktop's.
TASKS = 2048
# RLIMIT_AS and RLIMIT_DATA count what is only reserved: packing smollm2 may write to 7.6 GiB, and holds 1.1 of them. So
# the kernel stops what no model can need, and `watch` adds up what is held.
RESERVED = 8  # times the memory that may be held
OPEN_FILES = 1024


@dataclass(frozen=True)
class Limits:
    """memory: bytes that all processes may hold; also the size of the largest file. seconds: until they are ended."""

    memory: int
    seconds: float

    @property
    def written(self) -> int:
        """Bytes that the files may take: a text model is written twice while it is compiled."""
        return 2 * self.memory

    def impose(self) -> None:
        """Bound this process and those that it starts, for good."""
        bounds = {
            resource.RLIMIT_DATA: RESERVED * self.memory,
            resource.RLIMIT_FSIZE: self.memory,
            resource.RLIMIT_NPROC: TASKS,
            resource.RLIMIT_NOFILE: OPEN_FILES,
            resource.RLIMIT_CORE: 0,
        }
        for name, most in bounds.items():
            before = resource.getrlimit(name)[1]
            most = most if before == resource.RLIM_INFINITY else min(most, before)
            resource.setrlimit(name, (most, most))
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory ends all the same, these end first

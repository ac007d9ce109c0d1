"""What the machine, the container and the environment give a process, apart from the settings."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

__all__ = ["CGROUP", "cores", "library_environment", "mlflow_environment", "most_memory"]

CGROUP = Path("/sys/fs/cgroup")  # of a container, its own
# Variables of Python and of the numerical libraries, none of which holds a secret.
OF_LIBRARIES = re.compile(
    r"PATH|LANG|LANGUAGE|LC_\w+|TZ|LD_LIBRARY_PATH|\w+_NUM_THREADS|LOKY_MAX_CPU_COUNT|TOKENIZERS_PARALLELISM"
    r"|PYTHON(?:HASHSEED|IOENCODING|UTF8|WARNINGS)"
)


def cores(group: Path = CGROUP) -> int:
    """How many processors this process may use: its affinity, and its container's quota; not what the machine has."""
    count = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):  # "max", or no cgroup of version 2
        quota, period = map(int, (group / "cpu.max").read_text().split())
        count = min(count, max(1, -(-quota // period)))
    return count


def most_memory(group: Path = CGROUP) -> int:
    """Three quarters of the memory of the machine, or of the container, in bytes."""
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        most = min(most, int((group / "memory.max").read_text()))
    return most * 3 // 4


def mlflow_environment() -> dict[str, str]:
    """What the environment says to MLflow's clients: which tracking server, and who asks."""
    return {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_TRACKING_")}


def library_environment() -> dict[str, str]:
    """What the environment says to Python and to the numerical libraries; nothing of Daylight's, and no secret."""
    return {name: value for name, value in os.environ.items() if OF_LIBRARIES.fullmatch(name)}

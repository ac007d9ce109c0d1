"""The settings of the service, and what the machine gives it."""

from .machine import CGROUP, cores, library_environment, most_memory
from .settings import PREFIX, Settings, variable

__all__ = ["CGROUP", "PREFIX", "Settings", "cores", "library_environment", "most_memory", "variable"]

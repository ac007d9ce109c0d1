"""The settings of the service, and what the machine gives it."""

from .declaring import PREFIX, folder_or_url, variable
from .machine import CGROUP, cores, library_environment, mlflow_environment, most_memory
from .settings import Settings

__all__ = [
    "CGROUP",
    "PREFIX",
    "Settings",
    "cores",
    "folder_or_url",
    "library_environment",
    "mlflow_environment",
    "most_memory",
    "variable",
]

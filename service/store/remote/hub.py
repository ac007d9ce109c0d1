"""A folder of a repository of the Hugging Face Hub, at one commit, through huggingface_hub's file system.

HubObjects("hf://acme/models/prod@6a0c7f...").files("")
"""

from __future__ import annotations

import re

from ...errors import StartupError
from .objects import Objects

__all__ = ["HubObjects"]


class HubObjects(Objects):
    """url: hf://OWNER/REPOSITORY[/FOLDER]@COMMIT, 40 hexadecimal digits. Raises StartupError for a branch, or none."""

    def __init__(self, url: str) -> None:
        found = re.fullmatch(r"hf://([^/@]+/[^/@]+)((?:/[^@]+)?)@([0-9a-f]{40})", url)
        if found is None:
            repository = "/".join(url.removeprefix("hf://").partition("@")[0].split("/")[:2])
            raise StartupError(
                f"{url} names no commit, and what lies there may change: hf://OWNER/REPOSITORY/FOLDER@COMMIT does; "
                f"git ls-remote https://huggingface.co/{repository} main tells it"
            )
        repository, folder, self._commit = found.groups()
        super().__init__(f"hf://{repository}@{self._commit}{folder}")
        self.url = url

    def identity(self) -> str:
        return self._commit

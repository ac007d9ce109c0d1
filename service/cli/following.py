"""The running servers that a promotion waits for: those of this machine, and those that an URL names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import requests

from ..server.lifecycle.running_servers import RunningServer, running_servers
from ..settings import Settings
from ..store.versions import Store

__all__ = ["Follower", "followers"]

SECONDS = 10.0  # for one answer


class Follower(Protocol):
    """A server, seen for one model."""

    def serves(self, version: str) -> bool: ...

    def refusal(self, version: str, stamp: object) -> str | None: ...

    def taken(self, version: str) -> bool: ...


def followers(
    store: Store, name: str, configured: Settings, urls: Sequence[str] = (), key_file: Path | None = None
) -> list[Follower]:
    """The servers that serve this model of the store. Raises OSError where an URL does not answer."""
    key = key_file.read_text(encoding="utf-8").strip() if key_file else None
    found: list[Follower] = [Local(each, name) for each in running_servers(store.root, name, configured.run_folder)]
    remote = [Remote(url, name, key) for url in urls]
    for each in remote:
        each.entry()
    return [*found, *remote]


class Local:
    """A server of this machine, seen through its run folder."""

    def __init__(self, server: RunningServer, name: str) -> None:
        self.server, self.name = server, name

    def __str__(self) -> str:
        return f"the server of process {self.server.pid}"

    def serves(self, version: str) -> bool:
        return self.server.serves(self.name, version)

    def refusal(self, version: str, stamp: object) -> str | None:
        return self.server.refusal(self.name, version, stamp)

    def taken(self, version: str) -> bool:
        return self.server.taken(self.name, version)


class Remote:
    """A server elsewhere, seen through `GET /v1/models/<name>`: all its workers commit a version at once."""

    def __init__(self, url: str, name: str, key: str | None) -> None:
        self.url, self.name = url.rstrip("/"), name
        self.headers = {"X-API-Key": key} if key else {}

    def __str__(self) -> str:
        return f"the server at {self.url}"

    def entry(self) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/v1/models/{self.name}", headers=self.headers, timeout=SECONDS)
        if answer.status_code != requests.codes.not_found:  # it may not serve the model yet
            answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def serves(self, version: str) -> bool:
        return bool(self.entry().get("version") == version)

    def refusal(self, version: str, stamp: object) -> str | None:
        refused = self.entry().get("refused") or {}
        return refused.get("reason") if refused.get("version") == version else None

    def taken(self, version: str) -> bool:
        return self.serves(version)

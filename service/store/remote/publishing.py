"""Changes of a folder that follows a store elsewhere: each is made there first, and only then in the folder.

publisher = publisher_of(root)          # None for a folder of its own
publisher.claim("tumour", 3)            # False: somebody else packs version 3
publisher.upload(folder)                # of version 3; nobody reads it yet
publisher.commit(receipt)               # StoreChanged: somebody else was quicker, and nothing has changed
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import StartupError, StoreChanged, StoreUnreachable
from ..manifest import MANIFEST, Manifest
from ..signature import Keys
from .objects import Objects, objects_at
from .places import is_read_only

if TYPE_CHECKING:
    from ..receipts import Receipt

__all__ = ["ELSEWHERE", "Publisher", "followed_at", "publisher_of", "receipt_name", "version_folder"]

ELSEWHERE = ".elsewhere"  # in a folder that follows: the URL
ABANDONED = 24 * 3600.0  # seconds after which a version without a receipt is that of a process that was killed


def receipt_name(model: str, number: int) -> str:
    return f"{model}/log/{number:08}.json"


def version_folder(model: str, version: str, manifest: str) -> str:
    """manifest: its sha256. Two hosts that pack the same version at once write two folders."""
    return f"{model}/versions/{version}-{manifest[:12]}"


def publisher_of(root: Path) -> Publisher | None:
    """Who makes the changes of the store at `root` elsewhere; None where it is a folder of its own.

    Raises StartupError where the client of its URL is not installed, or the store can only be read.
    """
    try:
        url = (root / ELSEWHERE).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    if is_read_only(url):
        raise StartupError(f"{url} can only be read: change the store that it was made of, and put that there anew")
    return Publisher(objects_at(url), root)


def followed_at(root: Path) -> float | None:
    """When the store elsewhere that a folder follows was looked at last, in Unix time; None where it follows none."""
    try:
        return (root / ELSEWHERE).stat().st_mtime
    except OSError:
        return None


class Publisher:
    """root: of the folder that follows."""

    def __init__(self, objects: Objects, root: Path) -> None:
        self.objects, self.root = objects, root

    def claim(self, model: str, number: int) -> bool:
        """Reserve a version number, for good; False where somebody else has. Gaps mean nothing."""
        mine = f"{socket.gethostname()} {os.getpid()} {time.time_ns()}".encode()
        return self.objects.create(f"{model}/claims/{number}", mine)

    def upload(self, folder: Path) -> None:
        """Upload a version, its manifest last. What an attempt before this one has uploaded is not uploaded again."""
        content = (folder / MANIFEST).read_bytes()
        manifest = Manifest.read(folder)
        self.objects.check_create_only()
        self._remove_abandoned(manifest.model)
        to = version_folder(manifest.model, manifest.version, hashlib.sha256(content).hexdigest())
        there = self.objects.files(to)
        for name, file in manifest.files.items():
            if name not in there or there[name].get("size") != file["bytes"]:
                self.objects.upload(folder / name, f"{to}/{name}")
        self.objects.write(f"{to}/{MANIFEST}", content)

    def commit(self, receipt: Receipt) -> None:
        """Write a receipt: from now on every follower goes by it. Raises StoreChanged or StoreUnreachable."""
        self.objects.check_create_only()
        name = receipt_name(receipt.model, receipt.number)
        if not self.objects.create(name, receipt.to_json().encode()):
            raise StoreChanged(self._told(receipt))
        if receipt.what == "remove":
            with suppress(StoreUnreachable):  # nobody refers to them any more
                for each in self.objects.entries(f"{receipt.model}/versions"):
                    if each.rpartition("-")[0] == receipt.version:
                        self.objects.delete(f"{receipt.model}/versions/{each}")

    def put(self, model: str, name: str, text: str | None) -> None:
        """Replace a small file of a model, or delete it."""
        if text is None:
            self.objects.delete(f"{model}/{name}")
        else:
            self.objects.write(f"{model}/{name}", text.encode())

    def _told(self, receipt: Receipt) -> str:
        """Who was quicker, and what to do."""
        from ..receipts import Receipt

        where = f"entry {receipt.number} of the history of {receipt.model}"
        with suppress(ValueError, TypeError, KeyError):
            there = Receipt.from_json((self.objects.read(receipt_name(receipt.model, receipt.number)) or b"").decode())
            where = f"{there.user}@{there.host} did '{there.what} {there.version}' at {there.when}"
        return (
            f"{receipt.model} was changed meanwhile ({where}), and '{receipt.what} {receipt.version}' was not done: "
            f"look at daylight history {receipt.model}, and ask again"
        )

    def _remove_abandoned(self, model: str) -> None:
        """Delete what killed processes have uploaded of versions that never got a receipt."""
        from ..receipts import History, held

        known = held(History(self.root / model, Keys()).receipts())
        kept = {version_folder(model, version, digest).rpartition("/")[2] for version, digest in known.items()}
        with suppress(StoreUnreachable):
            for each in self.objects.entries(f"{model}/versions").keys() - kept:
                files = self.objects.files(f"{model}/versions/{each}")
                if files and all(map(abandoned, files.values())):
                    self.objects.delete(f"{model}/versions/{each}")


def abandoned(entry: dict[str, Any]) -> bool:
    """Whether an object was written longer ago than an upload may take. entry: what the client says of it."""
    written = next((entry[name] for name in ("LastModified", "last_modified", "updated") if entry.get(name)), None)
    return isinstance(written, datetime) and time.time() - written.timestamp() > ABANDONED

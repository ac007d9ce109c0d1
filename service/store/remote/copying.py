"""A folder of this machine that is a copy of a store elsewhere: what all such folders have in common.

A version appears in it by one rename, after the digest of each of its files was found to be what its manifest says.
Processes of this machine share the folder, and one of them writes at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import Protocol

from ...errors import DigestMismatch, StartupError, StoreUnreachable
from ..atomic_write import atomic_write
from ..draft import digest
from ..manifest import MANIFEST, Manifest
from ..names import NAME
from ..signature import Keys
from ..writing import changing, unwritable_in_words
from .places import folder_of
from .publishing import ELSEWHERE

__all__ = ["Copy", "Readable"]

LOCK = ".lock"
DAMAGED = 300.0  # seconds in which a version that was found to be damaged is not downloaded again
log = logging.getLogger(__name__)


class Readable(Protocol):
    """What versions are brought from."""

    def read(self, name: str) -> bytes | None: ...

    def download(self, name: str, path: Path) -> None: ...


class Copy(ABC):
    """url: of the store. caches: the folder of all folders that follow one. keys: histories are checked by them.

    only: names of models; the others are left where they are. Raises StartupError, also where the folder cannot be
    written, and StoreUnreachable.
    """

    objects: Readable

    def __init__(self, url: str, caches: Path, keys: Keys, only: Sequence[str] = ()) -> None:
        self.url, self.keys = url, keys
        self.root = folder_of(url, caches)
        self._only = only
        self._damaged: dict[str, tuple[float, str]] = {}  # where a version lies -> when it was found so, and what
        with unwritable_in_words(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (self.root / ELSEWHERE).exists():
                atomic_write(self.root / ELSEWHERE, f"{url}\n", mode=0o644)

    @abstractmethod
    def pull(self, *, everything: bool = False) -> dict[str, str]:
        """Follow the store; returns {model: why it could not be followed}. Raises StoreUnreachable.

        everything: bring all versions; else those that are current. A model that could not be followed stays as it was.
        """

    def _in_turn(self, names: Iterable[str], turns: Sequence[Callable[[str], None]]) -> dict[str, str]:
        """Do the first thing with all models, then the next; returns {model: why that failed}. Under the lock."""
        faults: dict[str, str] = {}
        wanted = [name for name in names if NAME.fullmatch(name) and (not self._only or name in self._only)]
        for turn in turns:
            for name in wanted:
                if name in faults:
                    continue
                try:
                    turn(name)
                except StoreUnreachable:
                    raise
                except (StartupError, ValueError) as error:
                    faults[name] = str(error)
        os.utime(self.root / ELSEWHERE)  # when it was followed last
        return faults

    def _bring(self, model: str, version: str, where: str, manifest: str | None) -> bool:
        """Bring a version, unless it is here; what an attempt before this one has brought is not brought again.

        where: it lies. manifest: the sha256 that its manifest is to have, where that is known. Returns whether it is
        new here.
        """
        if (self.root / model / version / MANIFEST).exists():
            return False
        since, fault = self._damaged.get(where, (0.0, ""))
        if fault and monotonic() < since + DAMAGED:
            raise DigestMismatch(fault)
        try:
            self._download(model, version, where, manifest)
        except DigestMismatch as error:
            self._damaged[where] = (monotonic(), str(error))
            raise
        self._damaged.pop(where, None)
        return True

    def _download(self, model: str, version: str, where: str, manifest: str | None) -> None:
        home = self.root / model
        draft = home / f".draft-{where.rpartition('/')[2]}"
        with unwritable_in_words(self.root):
            draft.mkdir(mode=0o700, exist_ok=True)
            content = self.objects.read(f"{where}/{MANIFEST}")
            if content is None or manifest not in (None, hashlib.sha256(content).hexdigest()):
                what = "is not there" if content is None else "is not the one that the history was written for"
                raise DigestMismatch(f"{model} version {version}: {self.url}/{where}/{MANIFEST} {what}")
            (draft / MANIFEST).write_bytes(content)
            found = Manifest.read(draft)
            total = sum(file["bytes"] for file in found.files.values())
            log.info("bringing %s version %s, %.1f MB, from %s", model, version, total / 1e6, self.url)
            for name, file in found.files.items():
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                    raise DigestMismatch(f"{model} version {version}: its manifest names {name!r:.80}, outside it")
                self._bring_file(f"{where}/{name}", draft / name, file["sha256"])
            with suppress(ValueError, OverflowError):  # versions are listed in the order of their manifests' times
                packed = datetime.fromisoformat(found.created).timestamp()
                os.utime(draft / MANIFEST, (packed, packed))
            draft.chmod(0o755)
            with changing(self.root, model):
                draft.rename(home / version)

    def _bring_file(self, name: str, path: Path, sha256: str) -> None:
        if path.exists() and digest_of(path) == sha256:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self.objects.download(name, path)
        if (actual := digest_of(path)) != sha256:
            path.unlink()
            raise DigestMismatch(
                f"{self.url}/{name} has sha256 {actual[:12]}..., its manifest says {sha256[:12]}...: it was damaged"
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the folder: a process that comes second finds what the first has brought."""
        with unwritable_in_words(self.root), open(self.root / LOCK, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return digest(file)

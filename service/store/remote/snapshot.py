"""A copy of a store as somebody has put it somewhere whole: a commit of the Hugging Face Hub, an OCI artifact.

    snapshot = Snapshot("hf://acme/models/prod@<commit>", caches, keys)
    snapshot.pull(everything=True)

There the files lie as in a folder: <model>/current, <model>/history, <model>/<version>/manifest.json, ... It is only
read. What a commit holds never changes; a tag of an OCI artifact may be given to another one, which is then brought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ...errors import DigestMismatch, StoreUnreachable
from ..about import ABOUT
from ..atomic_write import atomic_write
from ..manifest import MANIFEST
from ..names import NAME
from ..receipts import CURRENT, HISTORY
from ..shadow import SHADOW
from ..signature import Keys
from ..writing import changing
from .copying import Copy, Readable
from .hub import HubObjects

__all__ = ["Snapshot"]

COMPLETE = ".complete"  # in the folder: the identity of what is here whole


class Whole(Readable, Protocol):
    """What a snapshot is read from."""

    def identity(self) -> str:
        """What changes with the content."""
        ...

    def files(self, folder: str) -> Mapping[str, Any]: ...


class Snapshot(Copy):
    """As a Copy. Raises StartupError for a URL that names no one state of the files."""

    objects: Whole

    def __init__(self, url: str, caches: Path, keys: Keys, only: Sequence[str] = ()) -> None:
        super().__init__(url, caches, keys, only)
        self.objects = HubObjects(url) if url.startswith("hf://") else artifact(url)
        self._files: Mapping[str, Any] = {}

    def pull(self, *, everything: bool = False) -> dict[str, str]:
        with self._alone():
            identity = f"{self.objects.identity()} {','.join(sorted(self._only))}\n"
            with suppress(OSError):
                if (self.root / COMPLETE).read_text(encoding="utf-8") == identity:
                    return self._in_turn((), ())
            self._files = self.objects.files("")
            models = sorted(name.partition("/")[0] for name in self._files if name.partition("/")[2] == CURRENT)
            if not models:
                raise StoreUnreachable(f"{self.url} holds no store: of a model it would hold <model>/{CURRENT}")
            faults = self._in_turn(models, (self._take, self._bring_others) if everything else (self._take,))
            if everything and not faults:
                atomic_write(self.root / COMPLETE, identity, mode=0o644)
            return faults

    def _take(self, model: str) -> None:
        """Its current version, then what says that it is current."""
        words = self._text(model, CURRENT).split()
        if not words or not all(map(NAME.fullmatch, words)):
            raise DigestMismatch(f"{self.url}/{model}/{CURRENT} names no version")
        (self.root / model).mkdir(exist_ok=True)
        self._bring(model, words[0], f"{model}/{words[0]}", None)
        with changing(self.root, model):
            for name in (HISTORY, ABOUT, SHADOW, CURRENT):
                path = self.root / model / name
                if f"{model}/{name}" not in self._files:
                    path.unlink(missing_ok=True)
                elif (text := self._text(model, name)) != (path.read_text("utf-8") if path.exists() else None):
                    atomic_write(path, text, mode=0o644)

    def _text(self, model: str, name: str) -> str:
        return (self.objects.read(f"{model}/{name}") or b"").decode(errors="replace")

    def _bring_others(self, model: str) -> None:
        for name in self._files:
            found, _, rest = name.partition("/")
            version = rest.removesuffix(f"/{MANIFEST}")
            if found == model and rest == f"{version}/{MANIFEST}" and NAME.fullmatch(version):
                self._bring(model, version, f"{model}/{version}", None)


def artifact(url: str) -> Whole:
    from .oci import OciObjects  # it brings requests, which no worker of a server needs

    return OciObjects(url)

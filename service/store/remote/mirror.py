"""The folder of this machine that follows a store elsewhere.

    mirror = Mirror("s3://models/prod", Path("~/.cache/daylight/stores"), keys)
    mirror.pull()                       # histories, what is current, and the versions that are current
    mirror.fetch("tumour", "2")         # a version that is not here yet
    mirror.root                         # the folder: an ordinary store

A version appears here by one rename, after the digest of each of its files was found to be what its manifest says, and
that of the manifest what the receipts say; then the history here goes on to the receipt that makes it current.
Processes of this machine share the folder, and one of them pulls at a time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ...errors import ArtifactMissing, DigestMismatch, StartupError, StoreUnreachable
from ..about import ABOUT
from ..atomic_write import atomic_write
from ..names import NAME
from ..receipts import CURRENT, HISTORY, REMOVE, History, Receipt, held
from ..shadow import SHADOW
from ..signature import Keys
from ..writing import changing
from .copying import Copy
from .objects import Objects, objects_at
from .publishing import receipt_name, version_folder

__all__ = ["Mirror"]

RARELY = 6  # looks, of which one is at descriptions and shadows too: each object that is asked for costs money


class Mirror(Copy):
    """As a Copy, of a store that changes; see the package for what lies behind its URL."""

    objects: Objects

    def __init__(self, url: str, caches: Path, keys: Keys, only: Sequence[str] = ()) -> None:
        super().__init__(url, caches, keys, only)
        self.objects = objects_at(url)
        self._looks = -1  # the first one is 0
        self._came = False  # whether the last look has brought a version that is not current
        self._followed: set[str] = set()  # models whose history here was found to be that of the store

    def pull(self, *, everything: bool = False) -> dict[str, str]:
        """As of a Copy. A store that holds no model any more was not meant to be followed: StoreUnreachable.

        Between two versions that are not current it looks at what is current again, and other processes may.
        """
        while True:
            with self._alone():
                self._looks += 1
                names = list(self.objects.entries(""))
                if not any(map(NAME.fullmatch, names)) and any(self.root.glob(f"*/{CURRENT}")):
                    raise StoreUnreachable(f"{self.url} holds no model any more; what was brought from it stays")
                self._came = False
                turns = (self._follow, self._bring_one) if everything else (self._follow,)
                faults = self._in_turn(names, turns)
                if not self._came:
                    return faults

    def versions(self, model: str) -> list[str]:
        """The versions that the store has of a model, here or not, in the order they were packed."""
        return list(held(self._receipts(model)))

    def fetch(self, model: str, version: str) -> None:
        """Bring a version that is not here. Raises ArtifactMissing, DigestMismatch or StoreUnreachable."""
        known = held(self._receipts(model))
        if version not in known:
            raise ArtifactMissing(f"{self.url} has no {model} version {version}")
        with self._alone():
            self._fetch(model, version, known[version])

    # --- one model, under the lock

    def _follow(self, model: str) -> None:
        """What is new in its history, the current version, and the small files."""
        before = self._receipts(model)
        following = receipt_name(model, len(before) + 1)
        small = {} if self._looks % RARELY else {name: f"{model}/{name}" for name in (ABOUT, SHADOW)}
        found = self.objects.read_some([following, *small.values()])
        lines = self._news(model, before) if found[following] is not None or model not in self._followed else []
        if lines:
            self._take(model, before, lines)
        elif before and (current := before[-1].current) is not None:
            came = self._fetch(model, current, held(before).get(current, ""))
            if came:
                os.utime(self.root / model / CURRENT)  # servers that have refused it look again
        if lines or before:
            for name, key in small.items():
                self._put(model, name, found[key])

    def _news(self, model: str, before: Sequence[Receipt]) -> list[str]:
        """The receipts that are not here yet, as lines."""
        if model not in self._followed and before:
            self._check_continues(model, before[-1])
        self._followed.add(model)
        names = sorted(name for name in self.objects.entries(f"{model}/log") if name > f"{len(before):08}.json")
        return [line.decode() for line in self.objects.read_all([f"{model}/log/{name}" for name in names])]

    def _check_continues(self, model: str, last: Receipt) -> None:
        there = self.objects.read(receipt_name(model, last.number))
        if there is None or there.decode(errors="replace") != last.to_json():
            what = "is gone" if there is None else "is another one"
            raise DigestMismatch(
                f"entry {last.number} of the history of {model} was seen before, and {what} at {self.url}: somebody "
                f"has put another copy in its place; to follow that one all the same, delete {self.root / model}"
            )

    def _take(self, model: str, before: list[Receipt], lines: list[str]) -> None:
        """Bring what the new receipts make current, then go on to them.

        A version that was damaged is no reason not to: servers refuse it and stay at theirs, and it can be rolled back.
        """
        new = [Receipt.from_json(line) for line in lines]
        for word in {word for each in new for word in (each.version, each.current, *each.earlier) if word is not None}:
            if not NAME.fullmatch(word):
                raise DigestMismatch(f"the history of {model} at {self.url} names {word!r:.80}, which is no version")
        removed = {each.version for each in new if each.what == REMOVE}
        known = held([*before, *new])
        (self.root / model).mkdir(exist_ok=True)
        if (current := new[-1].current) is not None and current in removed:
            self._drop(model, current)  # removed, and packed again under its old name
        fault = None
        try:
            if current is not None:
                self._fetch(model, current, known.get(current, ""))
        except StoreUnreachable:
            raise
        except StartupError as error:
            fault = error
        with changing(self.root, model):
            here = len(self._receipts(model))  # a command of this machine may have written the same receipt
            if left := [line for each, line in zip(new, lines, strict=True) if each.number > here]:
                History(self.root / model, self.keys).extend(left)
        for version in removed - {current}:
            self._drop(model, version)
        if fault is not None:
            raise fault

    def _bring_one(self, model: str) -> None:
        """The newest version that is not here; a damaged one keeps no other from being brought."""
        fault = None
        for version, manifest in reversed(held(self._receipts(model)).items()):
            if self._came:
                return
            try:
                self._came = self._fetch(model, version, manifest)
            except DigestMismatch as error:
                fault = fault or error
        if fault is not None:
            raise fault

    def _put(self, model: str, name: str, content: bytes | None) -> None:
        """A small file as it is there; None: there is none."""
        path = self.root / model / name
        if content == (path.read_bytes() if path.exists() else None):
            return
        with changing(self.root, model):
            if content is None:
                path.unlink(missing_ok=True)
            else:
                atomic_write(path, content.decode(errors="replace"), mode=0o644)

    def _fetch(self, model: str, version: str, manifest: str) -> bool:
        return self._bring(model, version, version_folder(model, version, manifest), manifest)

    def _drop(self, model: str, version: str) -> None:
        """Delete a version that was removed; at once invisible."""
        home = self.root / model
        if (home / version).is_dir():
            with changing(self.root, model):
                removed = Path(tempfile.mkdtemp(prefix=".removed-", dir=home))
                (home / version).rename(removed / version)
            shutil.rmtree(removed, ignore_errors=True)

    def _receipts(self, model: str) -> list[Receipt]:
        """Those that are here; none of a model that is new here."""
        folder = self.root / model
        return History(folder, self.keys).receipts() if (folder / HISTORY).exists() else []

"""What a run has finished, kept beside the scored files, so that the next one goes on where it ended.

    with Ledger(Path("out")).held({"model": "tumour", "version": "3"}, overwrite=False) as ledger:
        ledger.finished(part)           # its Tally, or None
    record(Path("out"), part, tally, rejects)    # by whoever has scored it, after its files have their names

Everything is in `out/_daylight/`: readers of data sets pass over names that begin with an underscore.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..store.atomic_write import atomic_write
from .parts import Part
from .scoring import Tally
from .writing import DRAFT

__all__ = ["Ledger", "record", "rejects_of"]

LEDGER = "_daylight"
REJECTS = "_rejects"
RUN = "run.json"
SAME = ("source", "start", "stop", "size", "modified")  # of a part that is not scored again


def receipt_of(folder: Path, target: str) -> Path:
    return folder / LEDGER / f"{hashlib.sha256(target.encode()).hexdigest()[:24]}.json"


def record(folder: Path, part: Part, tally: Tally, rejects: str) -> None:
    """Say that a part is finished. rejects: the name of its rejects below the folder."""
    told = {name: getattr(part, name) for name in ("target", *SAME)} | asdict(tally) | {"rejects": rejects}
    atomic_write(receipt_of(folder, part.target), json.dumps(told), mode=0o644)


def rejects_of(part: Part, form: str) -> str:
    """Where the rejected rows of a part go, below the folder."""
    return f"{REJECTS}/{part.target.rpartition('.')[0]}.{form}"


class Ledger:
    """The finished parts of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def held(self, run: dict[str, Any], *, overwrite: bool) -> Iterator[Ledger]:
        """Take the folder for a run that is described by `run`; what was finished by another description is refused.

        overwrite: whether what the folder's runs have written is deleted first. Raises ValueError, also where another
        process has the folder, or where it holds files that no run has written.
        """
        inside = self.folder / LEDGER
        mine = (inside / RUN).exists()
        others = self.folder.is_dir() and any(path.name != LEDGER for path in self.folder.iterdir())
        if others and not mine and not overwrite:  # a run that was killed at once has left LEDGER alone
            raise ValueError(f"{self.folder} holds files that no run has written; name another folder, or --overwrite")
        inside.mkdir(parents=True, exist_ok=True)
        with open(inside / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"another run writes into {self.folder}") from None
            if overwrite:
                self._forget(self._receipts())
            elif mine:
                self._check(run)
            atomic_write(inside / RUN, json.dumps(run), mode=0o644)
            for draft in self.folder.rglob(f".*{DRAFT}"):  # of a process that was killed
                draft.unlink(missing_ok=True)
            yield self

    def _check(self, run: dict[str, Any]) -> None:
        before = json.loads((self.folder / LEDGER / RUN).read_text(encoding="utf-8"))
        if other := [name for name in run if before.get(name) != run[name]]:
            told = "; ".join(f"{name.replace('_', ' ')} {before.get(name)}, not {run[name]}" for name in other)
            raise ValueError(
                f"{self.folder} holds rows that were scored otherwise ({told}); name another folder, or --overwrite"
            )

    def _receipts(self) -> list[dict[str, Any]]:
        paths = sorted((self.folder / LEDGER).glob("*.json"))
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.name != RUN]

    def _forget(self, receipts: Sequence[dict[str, Any]]) -> None:
        """Delete what these parts have written."""
        for receipt in receipts:
            for name in (receipt["target"], receipt["rejects"]):
                (self.folder / name).unlink(missing_ok=True)
            # Last: who is killed before knows at the next run what is to be deleted.
            receipt_of(self.folder, receipt["target"]).unlink(missing_ok=True)

    def forget_other_cuts(self, parts: Sequence[Part]) -> None:
        """Delete what was scored of these files when they were others, and were cut into other parts."""
        sources, targets = {part.source for part in parts}, {part.target for part in parts}
        receipts = self._receipts()
        self._forget([each for each in receipts if each["source"] in sources and each["target"] not in targets])

    def finished(self, part: Part) -> Tally | None:
        """What came of a part, if it is finished and its file has not changed since."""
        with suppress(FileNotFoundError):
            told = json.loads(receipt_of(self.folder, part.target).read_text(encoding="utf-8"))
            if all(told[name] == getattr(part, name) for name in SAME):
                there = [told["target"]] * (told["scored"] > 0) + [told["rejects"]] * (told["rejected"] > 0)
                if all((self.folder / name).exists() for name in there):
                    return Tally(told["scored"], told["rejected"], told["warnings"])
        return None

    def remove(self) -> None:
        """Delete the folder and all that is in it."""
        shutil.rmtree(self.folder)

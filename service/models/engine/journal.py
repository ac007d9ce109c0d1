"""Suspects that outlive their engine: files in its folder, which the engine that takes its place reads.

journals = Journals(folder, blame=True)      # blame: whether the last engine died of its work
suspects = journals.of(slots=16)             # for one batch engine: a generation.suspects.Suspects
"""

from __future__ import annotations

import json
import logging
import mmap
import threading
from collections.abc import Collection, Iterable
from pathlib import Path

from ...generation.suspects import Suspects

__all__ = ["Journals"]

log = logging.getLogger(__name__)

DIGEST = 8  # bytes
MOST_KEPT = 1000  # prompts; the oldest are forgotten


class Journals:
    """The journals of one engine process, in its folder."""

    def __init__(self, folder: Path, *, blame: bool) -> None:
        self._folder = folder
        self._kept = folder / "suspects"
        self._keeping = threading.Lock()  # each batch engine has a thread
        self.deaths = {bytes.fromhex(digest): count for digest, count in read(self._kept)}
        for path in folder.glob("working-*"):
            if blame:
                for digest in digests(path.read_bytes()):
                    self.deaths[digest] = self.deaths.pop(digest, 0) + 1
            path.unlink()
        self.keep()
        self._made = 0

    def of(self, slots: int) -> Journal:
        self._made += 1
        return Journal(self, self._folder / f"working-{self._made}", slots)

    def keep(self) -> None:
        """Replace the file whole: this process may die at any moment. Where the folder is full, it stays as it is."""
        with self._keeping:
            for digest in list(self.deaths)[:-MOST_KEPT]:
                del self.deaths[digest]
            text = json.dumps([[digest.hex(), count] for digest, count in list(self.deaths.items())])
            draft = self._kept.with_suffix(".draft")
            try:
                draft.write_text(text)
                draft.replace(self._kept)
            except OSError as error:
                log.error("prompts during which an engine died are not kept for the next one: %s", error)


class Journal(Suspects):
    """The Suspects of one batch engine."""

    def __init__(self, journals: Journals, path: Path, slots: int) -> None:
        super().__init__(journals.deaths)
        self.deaths = journals.deaths  # shared by all engines of the process
        self._journals = journals
        self._size = slots * DIGEST
        path.write_bytes(bytes(self._size))
        with path.open("r+b") as file:
            self._working = mmap.mmap(file.fileno(), self._size)  # what is written here outlives this process

    def working(self, digests: Collection[bytes]) -> None:
        self._working[:] = b"".join(digests).ljust(self._size, b"\0")

    def cleared(self, digests: Iterable[bytes]) -> None:
        super().cleared(digests)
        self._journals.keep()


def digests(written: bytes) -> set[bytes]:
    """The digests of a file of `Journal.working`."""
    return {written[start : start + DIGEST] for start in range(0, len(written), DIGEST)} - {bytes(DIGEST)}


def read(path: Path) -> list[tuple[str, int]]:
    try:
        return [(digest, count) for digest, count in json.loads(path.read_text())]
    except (OSError, ValueError):
        return []

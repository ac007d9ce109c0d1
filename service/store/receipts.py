"""Receipts: who changed what of a model, when, from what, and why. `<store>/<model>/history` holds one a line, as JSON.

    history = History(Path("artifacts/tumour"), keys)
    history.change("promote", "2", ["2", "1"], why="better on rare cells")
    history.receipts()[-1].user

Nothing is ever taken out of a history: each receipt holds the digest of the one before it, and, where there is a
private key, a signature. Where signers are asked for, what is current is read from here alone, and a history that was
altered, cut, or written by somebody who may not is refused. The file `current` then only tells a server to look.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import ArtifactMissing, DigestMismatch, StartupError
from .atomic_write import atomic_write
from .manifest import MANIFEST
from .remote.publishing import publisher_of
from .signature import Keys

__all__ = ["CURRENT", "HISTORY", "REMOVE", "History", "Receipt", "has_current", "held"]

CURRENT, HISTORY = "current", "history"
PACK, REMOVE = "pack", "remove"
REMEMBERED = 100  # versions that a model was at before, for going back


@dataclass(frozen=True)
class Receipt:
    """One change of a model.

    what: pack, promote, rollback or remove. before, current: the current version before and after it, or None.
    earlier: what `rollback` goes back to, latest first. manifest: the sha256 of the version's manifest. previous: the
    digest of the receipt before this one.
    """

    number: int
    model: str
    what: str
    version: str
    before: str | None
    current: str | None
    earlier: tuple[str, ...]
    manifest: str
    when: str
    user: str
    host: str
    why: str
    previous: str
    signature: str = ""

    @classmethod
    def from_json(cls, line: str) -> Receipt:
        """Raises ValueError or TypeError."""
        value = json.loads(line)
        return cls(**value | {"earlier": tuple(value["earlier"])})

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def signed_part(self) -> dict[str, Any]:
        return asdict(self) | {"signature": ""}


class History:
    """The history of one model, and what is current in it. folder: of the model, whose name it has."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder, self.keys = folder, keys
        self.model = folder.name

    def words(self) -> list[str]:
        """The current version, then those that were current before, latest first. Raises StartupError."""
        if self.keys.asks_for_signers:
            if not (self.folder / CURRENT).exists():
                raise self._absent()
            last = self.receipts()[-1]
            if last.current is None:
                raise ArtifactMissing(f"{self.model} has no current version; name one: promote {self.model} VERSION")
            return [last.current, *last.earlier]
        path = self.folder / CURRENT
        try:
            words = path.read_text(encoding="utf-8").split()
        except (FileNotFoundError, NotADirectoryError):
            raise self._absent() from None
        except (OSError, ValueError) as error:
            raise StartupError(f"{path} cannot be read: {error}") from None
        if not words:
            raise StartupError(f"{path} is empty; name a version: promote {self.model} VERSION")
        return words

    def way_back(self, there: Sequence[str]) -> list[str]:
        """What `rollback` goes back to, one after the other. there: the versions that were not removed."""
        current, *earlier = self.words()
        left = [version for version in earlier if version in there]
        while left[:1] == [current]:  # a version between two times of this one was removed
            left.pop(0)
        return left

    def receipts(self) -> list[Receipt]:
        """All receipts, oldest first; checked by their digests and, where signers are asked for, by signature.

        Raises DigestMismatch, or StartupError where the file cannot be read.
        """
        receipts = self._read()
        if self.keys.asks_for_signers:
            if not receipts:
                raise DigestMismatch(
                    f"{self.model} has no signed history, and DAYLIGHT_SIGNERS_FILE asks for one: "
                    f"promote {self.model} VERSION signs what is current"
                )
            self._check(receipts)
        return receipts

    def check_version(self, version: str) -> None:
        """Where signers are asked for: refuse a version that was removed, or whose manifest is another by now."""
        if not self.keys.asks_for_signers or not self._read():
            return
        last = next((receipt for receipt in reversed(self.receipts()) if receipt.version == version), None)
        if last is None:
            return
        if last.what == REMOVE:
            raise DigestMismatch(f"{self.model} version {version} was removed (entry {last.number} of its history)")
        if last.manifest != manifest_digest(self.folder / version):
            raise DigestMismatch(
                f"{self.model} version {version}: its manifest is not the one that entry {last.number} of the model's "
                "history was written for"
            )

    def change(self, what: str, version: str, words: Sequence[str], why: str = "") -> None:
        """Write the receipt of a change, then make words[0] current, if that is new. Call it under `changing`.

        words: the current version after it, then what `rollback` goes back to; empty: no version is current.
        """
        receipts = self._read()
        if self.keys.asks_for_signers:  # nothing may be built on what was altered
            self._check(receipts)
        now = self.current_words()
        receipt = Receipt(
            number=len(receipts) + 1,
            model=self.model,
            what=what,
            version=version,
            before=now[0] if now else None,
            current=words[0] if words else None,
            earlier=tuple(words[1 : 1 + REMEMBERED]),
            manifest="" if what == REMOVE else manifest_digest(self.folder / version),
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            user=user(),
            host=socket.gethostname(),
            why=why,
            previous=receipts[-1].digest if receipts else "",
        )
        right = PACK if what == PACK else "promote"
        receipt = replace(receipt, signature=self.keys.sign_receipt(receipt.signed_part(), right))
        if (publisher := publisher_of(self.folder.parent)) is not None:
            publisher.commit(receipt)  # first: where it is refused, nothing changes here either
        self._write([*receipts, receipt], moved=what != PACK)

    def extend(self, lines: Sequence[str]) -> None:
        """Append receipts that were written elsewhere, and make current what they say. Call it under `changing`.

        Raises DigestMismatch where they do not continue this history, or are not signed as they must be.
        """
        receipts = self._read()
        new = self._parsed([each.to_json() for each in receipts] + list(lines), "the store")[len(receipts) :]
        if self.keys.asks_for_signers:
            self._check_signers([*receipts, *new])
        self._write([*receipts, *new], moved=any(each.what != PACK for each in new))

    def _write(self, receipts: Sequence[Receipt], *, moved: bool) -> None:
        """moved: whether what is current is named anew, which servers take for a call to look again."""
        text = "".join(f"{each.to_json()}\n" for each in receipts)
        atomic_write(self.folder / HISTORY, text, mode=0o644)
        last = receipts[-1]
        if last.current is not None and moved:
            words = "".join(f"{word}\n" for word in (last.current, *last.earlier))
            atomic_write(self.folder / CURRENT, words, mode=0o644)

    def current_words(self) -> list[str]:
        """As `words`; empty where there is no current version, or its file was damaged."""
        try:
            return self.words()
        except DigestMismatch:
            if self._read():
                raise
            return History(self.folder, Keys()).current_words()  # from before the store was signed
        except StartupError:
            return []

    def unsigned(self) -> bool:
        """Whether what is current has no signed receipt yet, and needs one."""
        return self.keys.asks_for_signers and not self._read()

    def differing(self) -> str | None:
        """Where the file `current` is not what the newest receipt says: a sentence."""
        receipts, (written, *_) = self._read(), [*History(self.folder, Keys()).current_words(), None]
        if not receipts or written == receipts[-1].current:
            return None
        held = "the history holds" if self.keys.asks_for_signers else "it was changed without a receipt"
        return f"{self.folder / CURRENT} names {written}, and the newest receipt {receipts[-1].current}: {held}"

    def _absent(self) -> ArtifactMissing:
        return ArtifactMissing(f"the store {self.folder.parent} has no model {self.model}")

    def _read(self) -> list[Receipt]:
        """The receipts, each of which must follow from the one before it. Raises StartupError."""
        path = self.folder / HISTORY
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as error:
            raise StartupError(f"{path} cannot be read: {error}") from None
        return self._parsed(lines, path)

    def _parsed(self, lines: Sequence[str], path: object) -> list[Receipt]:
        receipts: list[Receipt] = []
        previous = ""
        for number, line in enumerate(lines, 1):
            try:
                receipt = Receipt.from_json(line)
            except (ValueError, TypeError, KeyError) as error:
                raise DigestMismatch(f"{path}: entry {number} is no receipt: {error}") from None
            if (receipt.number, receipt.previous) != (number, previous):
                raise DigestMismatch(f"{path}: entry {number} does not follow the one before it: the history was cut")
            if receipt.model != self.model:
                raise DigestMismatch(f"{path} is the history of {receipt.model}: the folders were exchanged")
            receipts.append(receipt)
            previous = receipt.digest
        return receipts

    def _check(self, receipts: Sequence[Receipt]) -> None:
        self._check_signers(receipts)
        self.keys.seen.check(os.path.realpath(self.folder), receipts)

    def _check_signers(self, receipts: Sequence[Receipt]) -> None:
        """The newest receipt of somebody who may promote vouches for all before it, by their digests."""
        for receipt in reversed(receipts):
            where = f"{self.model}: entry {receipt.number} of its history"
            may = self.keys.check_receipt(receipt.signed_part(), receipt.signature, where)
            if "promote" in may:
                return
            before = receipts[receipt.number - 2] if receipt.number > 1 else None
            if receipt.what != PACK or receipt.current != (before.current if before else None):
                raise DigestMismatch(f"{where} was signed by a key that may not promote")


def held(receipts: Sequence[Receipt]) -> dict[str, str]:
    """{version: the sha256 of its manifest} of those that a history has, in the order in which they were packed."""
    there: dict[str, str] = {}
    for receipt in receipts:
        if receipt.what == REMOVE:
            there.pop(receipt.version, None)
        elif receipt.manifest:
            there[receipt.version] = receipt.manifest
    return there


def has_current(folder: Path) -> bool:
    """Whether a folder of the store is a model. One that may not be looked into is: it is told as a broken one."""
    try:
        os.stat(folder / CURRENT)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def manifest_digest(folder: Path) -> str:
    """The sha256 of a version's manifest, in hex. Raises ArtifactMissing."""
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactMissing(f"{folder / MANIFEST} is missing") from None


def user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return str(os.getuid())

"""The model store: immutable versions in folders, and one small file naming the current one.

    store = Store("artifacts")
    version = store.open("tumour")        # its current version
    version.manifest.kind
    with version.open("classifier.pkl") as file: ...     # its digest checked

Layout: `<root>/<model>/<version>/manifest.json` beside its payload, and
`<root>/<model>/current`, replaced atomically: the current version in its first line,
those that were current before in the next, latest first. `<root>/<model>/history` holds
a receipt of each change (see receipts). A version becomes visible by one rename and never
changes after it.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ArtifactMissing, StartupError, StoreChanged
from .draft import Draft, new_draft
from .manifest import MANIFEST, Manifest
from .missing import no_version
from .names import check_name
from .receipts import CURRENT, History, has_current
from .remote.mirror import Mirror
from .remote.places import is_read_only, is_url
from .remote.publishing import publisher_of
from .remote.snapshot import Snapshot
from .shadow import read_shadow
from .signature import Keys
from .stored_version import StoredVersion
from .writing import changing, unwritable_in_words

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["Store", "StoredVersion", "check_name"]

log = logging.getLogger(__name__)


class Store:
    """The folder of models. Reading never creates anything.

    keys: what is changed is signed with them, and checked by them. only: names of models; the others are as if they
    were not there, where models are listed or followed. mirror: where `root` follows a store elsewhere, brings the
    versions that are asked for and not there yet.
    """

    def __init__(
        self, root: Path | str, keys: Keys | None = None, only: Sequence[str] = (), mirror: Mirror | None = None
    ) -> None:
        self.root = Path(root)
        self.keys = keys or Keys()
        self._only, self._mirror = only, mirror

    @classmethod
    def of(cls, settings: Settings, place: Path | str | None = None) -> Store:
        """The store of a server with these settings; with `place`, all models of that folder or URL, by the same keys.

        Raises StartupError where a store elsewhere cannot be followed.
        """
        only = () if place else settings.models
        return cls.at(place or settings.store, settings.store_cache, Keys.of(settings), only)

    @classmethod
    def at(cls, place: Path | str, caches: Path, keys: Keys, only: Sequence[str] = ()) -> Store:
        """The store in a folder; of a URL, in the folder that follows it, brought up to date."""
        if not is_url(place):
            return cls(place, keys, only)
        copy = (Snapshot if is_read_only(place) else Mirror)(place, caches, keys, only)
        for fault in copy.pull(everything=isinstance(copy, Snapshot)).values():
            log.warning("%s", fault)  # of one model: the others are as they are there
        return cls(copy.root, keys, only, copy if isinstance(copy, Mirror) else None)

    def models(self) -> list[str]:
        """The names of the models that have a current version, sorted; of those in `only`, where it names any."""
        if not self.root.is_dir():
            raise ArtifactMissing(f"the store {self.root} is not a folder")
        try:
            names = sorted(path.name for path in self.root.iterdir() if has_current(path))
        except OSError as error:
            raise StartupError(f"the store {self.root} cannot be read: {error.strerror}") from None
        return [name for name in names if name in self._only] if self._only else names

    def check(self) -> list[str]:
        """`models`, none of those that were asked for missing. Raises ArtifactMissing, also where there is none."""
        present = self.models()
        if missing := sorted(set(self._only) - set(present)):
            there = ", ".join(Store(self.root).models()) or "none"
            raise ArtifactMissing(f"the store {self.root} holds no {', '.join(missing)}; it holds {there}")
        if not present:
            raise ArtifactMissing(f"the store {self.root} holds no model; pack one: python -m service pack FILE")
        return present

    def versions(self, model: str) -> list[str]:
        """The versions of one model, in the order they were packed."""
        if self._mirror is not None:
            return self._mirror.versions(check_name(model))
        found = []
        for path in (self.root / model).glob(f"[!.]*/{MANIFEST}"):
            with suppress(FileNotFoundError):  # removed since
                found.append((path.stat().st_mtime_ns, path.parent.name))
        return [name for _, name in sorted(found)]

    def current(self, model: str) -> str:
        """The name of a model's current version. Raises StartupError."""
        return self.history(model)[0]

    def named(self, model: str) -> str | None:
        """As `current`; None where that cannot be read."""
        try:
            return self.current(model)
        except (StartupError, ValueError):
            return None

    def stamps(self) -> dict[str, list[int]]:
        """{model: what changes whenever its current version is named anew}; a look at each file, no reading.

        Raises OSError or StartupError where the store cannot be looked at, or is gone as a whole.
        """
        current: dict[str, list[int]] = {}
        for model in self.models():
            try:
                seen = (self.root / model / CURRENT).stat()
            except FileNotFoundError:  # removed since
                continue
            except PermissionError:  # what is served of it stays
                current[model] = []
            else:
                current[model] = [seen.st_mtime_ns, seen.st_ino, seen.st_size]
        if not current:
            raise ArtifactMissing(f"the store {self.root} holds no model any more")
        return current

    def history(self, model: str) -> list[str]:
        """The current version, then those that were current before, latest first. Raises StartupError."""
        return self.history_of(model).words()

    def history_of(self, model: str) -> History:
        """Who changed what of a model, and what is current in it."""
        return History(self.root / check_name(model), self.keys)

    def open(self, model: str, version: str | None = None) -> StoredVersion:
        """Find a version (default: the current one), its manifest read, its digests not yet checked."""
        version = version or self.current(model)
        folder = self.root / check_name(model) / check_name(version, "version")
        if not folder.is_dir():
            if self._mirror is None or version not in self.versions(model):
                raise ArtifactMissing(no_version(self.root, model, version, self.models(), self.versions(model)))
            self._mirror.fetch(model, version)
        manifest = Manifest.read(folder)
        if (manifest.model, manifest.version) != (model, version):
            raise StartupError(f"{folder} holds the manifest of {manifest.model} version {manifest.version}")
        self.history_of(model).check_version(version)
        return StoredVersion(folder, manifest)

    def next_version(self, model: str) -> str:
        """The first whole number above every numbered version there is, as a string."""
        names = [path.name for path in (self.root / model).glob("*")]
        numbers = [int(name) for name in [*names, *self.versions(model)] if name.isdecimal()]
        return str(max(numbers, default=0) + 1)

    @contextmanager
    def adding(self, model: str, version: str | None = None, *, promote: bool = True, why: str = "") -> Iterator[Draft]:
        """Give a fresh folder to fill, then publish it as a version and, unless `promote` is False, make it current.

            with store.adding("tumour") as draft:
                shutil.copy("classifier.pkl", draft.folder)
                draft.manifest = Manifest(model=draft.model, version=draft.version, ...)

        Nothing is visible if the block raises. Raises ValueError for a bad or taken name.
        """
        home = self.root / check_name(model)
        with unwritable_in_words(self.root):
            if version:
                self._refuse_taken(model, check_name(version, "version"))
            draft = new_draft(home, version or int(self.next_version(model)))
            published = None
            try:
                yield draft
                manifest = draft.manifest
                if manifest is None:
                    raise ValueError(f"{model} version {draft.version} was given no manifest")
                replace(manifest, signature=self.keys.sign(manifest)).write(draft.folder)
                draft.folder.chmod(0o755)  # so far only its owner may enter it
                if (publisher := publisher_of(self.root)) is not None:
                    publisher.upload(draft.folder)
                with changing(self.root, model):
                    self._refuse_taken(model, draft.version)
                    draft.folder.rename(home / draft.version)
                    published = home / draft.version
                self._record_packed(model, draft.version, why)
                if promote:
                    self.promote(model, draft.version, why)
            except BaseException:
                if published is None or self.named(model) != draft.version:
                    shutil.rmtree(published or draft.folder, ignore_errors=True)
                with suppress(OSError):
                    home.rmdir()  # only where nothing else is in it
                raise

    def _refuse_taken(self, model: str, version: str) -> None:
        if (self.root / model / version).exists() or version in self.versions(model):
            raise ValueError(f"{model} has a version {version} already, and versions never change")

    def _record_packed(self, model: str, version: str, why: str) -> None:
        """Write the receipt of a new version; what other hosts change at the same time is no reason against it."""
        for last in (False, False, True):
            with changing(self.root, model):
                if self._mirror is not None and version in self.versions(model):
                    raise ValueError(f"{model} version {version} was packed by another host meanwhile; pack it again")
                history = self.history_of(model)
                try:
                    history.change("pack", version, history.current_words(), why)
                    return
                except StoreChanged:
                    if last or self._mirror is None:
                        raise
            self._mirror.pull()

    def promote(self, model: str, version: str, why: str = "") -> None:
        """Make a version current, atomically. Raises ArtifactMissing if it is not there. why: for the history."""
        self.open(model, version)
        history = self.history_of(model)
        with changing(self.root, model):
            words = history.current_words()
            if words[:1] != [version]:
                history.change("promote", version, [version, *words], why)
            elif history.unsigned() or publisher_of(self.root) is not None:
                history.change("promote", version, words, why)
            else:
                os.utime(self.root / model / CURRENT)  # a server that has refused it tries it again

    def rollback(self, model: str, why: str = "") -> str:
        """Make the version current that was so before this one, and return it; once more goes further back.

        Raises ArtifactMissing where there is none any more.
        """
        self.history(model)
        for version in self.way_back(model)[:1]:
            self.open(model, version)  # brought, where it is elsewhere
        with changing(self.root, model):
            left = self.way_back(model)
            if not left:
                raise ArtifactMissing(f"{model} version {self.current(model)} has none before it to go back to")
            self.history_of(model).change("rollback", left[0], left, why)
            return left[0]

    def way_back(self, model: str) -> list[str]:
        """The versions that `rollback` goes back to, one after the other. Raises StartupError."""
        return self.history_of(model).way_back(self.versions(model))

    def remove(self, model: str, version: str, why: str = "") -> None:
        """Delete a version for good, and never the current one or the one that `rollback` goes back to.

        Raises ValueError for these, ArtifactMissing if it is not there.
        """
        self.check_removable(model, version)
        folder = self.root / model / version
        with changing(self.root, model):
            self.check_removable(model, version)
            history = self.history_of(model)
            removed = Path(tempfile.mkdtemp(prefix=".removed-", dir=self.root / model))
            try:
                if here := folder.is_dir():  # of a store elsewhere it may not be
                    folder.rename(removed / version)  # at once invisible, whatever deleting takes
                try:
                    history.change("remove", version, history.words(), why)
                except BaseException:
                    if here:
                        (removed / version).rename(folder)
                    raise
            finally:
                shutil.rmtree(removed, ignore_errors=True)

    def check_removable(self, model: str, version: str) -> None:
        """Raises ValueError or ArtifactMissing where this version may not be removed."""
        folder = self.root / check_name(model) / check_name(version, "version")
        if version == self.current(model):
            raise ValueError(f"{model} version {version} is the current one; promote another, then remove it")
        if version in self.way_back(model)[:1]:
            raise ValueError(
                f"{model} version {version} served before version {self.current(model)}, and is the way back"
            )
        if (shadow := read_shadow(self.root / model)) and shadow.version == version:
            raise ValueError(f"{model} version {version} is the shadow; end that first: daylight shadow {model} --off")
        if not folder.is_dir() and version not in self.versions(model):
            raise ArtifactMissing(f"{model} has no version {version}")

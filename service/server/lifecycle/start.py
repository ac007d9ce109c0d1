"""What a worker loads where no other worker serves: every model it can, and the table says what became of the others.

    start = Start(predictor, registry, watch)
    table = start.load(full=2)              # StartupError: nothing can be served, or DAYLIGHT_STRICT forbids it
    start.loads("slow", "1")                # True: it is still being loaded, and proposed in the table
    start.result("slow", "1")               # later: the Model, or StartupError

A version that fails is refused, and the last one that proved itself is served in its place. One that stands still is a
proposal like any other: the workers serve the others, vote when it is loaded, and refuse it when its time is over. One
that ended a worker is proposed too, and tried by one worker at a time, where that cannot end the last that answers.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from ...errors import StartupError
from ...predictor import Predictor
from ...store.proven import stand_ins
from .first_load import SLOW, FirstLoad
from .memory_limit import available_memory
from .rollout_state import MOST_DEATHS, Entry, Refusal, Table, death_reason, mark_preparing, propose
from .store_watch import StoreWatch
from .worker_registry import WorkerRegistry

if TYPE_CHECKING:
    from ...models.base import Model

__all__ = ["Start"]

log = logging.getLogger(__name__)


class Start:
    def __init__(self, predictor: Predictor, registry: WorkerRegistry, watch: StoreWatch) -> None:
        self.predictor, self.registry = predictor, registry
        self._store, self._watch = predictor.store, watch
        self._first: FirstLoad | None = None
        self._began = 0.0
        self._replaced: set[str] = set()  # models that stood still and have been given a stand-in, or have none

    def load(self, *, full: int) -> Table:
        """Load and serve what can be; returns the table, with the outcome. full: workers of the server.

        Raises StartupError.
        """
        seen, deaths, stamps = dict(self.registry.versions()), self.registry.deaths(), self._watch.stamps() or {}
        committed = {name: entry.serving for name, entry in seen.items() if entry.serving}
        current, unreadable = self._current(committed if seen else self._store.check())
        wanted = {name: self._candidates(name, committed.get(name), current.get(name), deaths) for name in current}
        memory = available_memory()
        first = self._first = FirstLoad(
            self.predictor.open,
            journal=self.registry.loading,
            memory=memory and memory // full,
            hurry=not self.registry.predecessor_serves(),
        )
        self._began, self._replaced = monotonic(), set()
        first.run({name: versions for name, versions in wanted.items() if versions})
        running = first.running()
        models = {name: first.models.pop(name) for name in list(first.models)}
        entries = {}
        for name, version in current.items():
            entry = Entry(models[name].version if name in models else None, stamps.get(name))
            if entry.serving and entry.serving == committed.get(name):
                entries[name] = seen[name]
            elif version is None:
                entries[name] = replace(entry, refused=Refusal(None, unreadable[name]))
            elif entry.serving == version:
                entries[name] = entry
            elif name in running and not deaths[name, version] and version not in first.failures.get(name, {}):
                entries[name] = propose(entry, version, entry.stamp, by=self.registry.pid)
            elif died := deaths[name, version]:
                entries[name] = self._deadly(entry, version, died, last=full == 1 and bool(models))
            else:
                entries[name] = replace(entry, refused=Refusal(version, first.failures[name][version]))
        self._check(entries)
        self.predictor.serve(models, {name for name, entry in entries.items() if entry.serving is None})
        return self._share(entries, seen)

    def _current(self, names: Any) -> tuple[dict[str, str | None], dict[str, str]]:
        """({model: its current version, or None where that cannot be read}, {model: why it cannot})."""
        current: dict[str, str | None] = {}
        unreadable = {}
        for name in names:
            try:
                current[name] = self._store.current(name)
            except (StartupError, ValueError) as error:
                current[name], unreadable[name] = None, str(error)
        return current, unreadable

    def _candidates(
        self, name: str, committed: str | None, current: str | None, deaths: Counter[tuple[str, str]]
    ) -> list[str]:
        """What to load for a model, the first that can be: never a version that has ended a worker.

        The committed one has been served here: a single worker may have been killed for another reason.
        """
        others = [] if self.predictor.settings.strict else stand_ins(self._store, name)
        versions = dict.fromkeys(filter(None, (committed, current, *others)))
        return [each for each in versions if deaths[name, each] < (MOST_DEATHS if each == committed else 1)]

    def _deadly(self, entry: Entry, version: str, died: int, *, last: bool) -> Entry:
        """Of a version that has ended workers: it is tried once more where that cannot end the last that answers."""
        if died >= MOST_DEATHS or last:
            return replace(entry, refused=Refusal(version, death_reason(died)))
        entry = propose(entry, version, entry.stamp, by=self.registry.pid)
        assert entry.proposal is not None
        return replace(entry, proposal=replace(entry.proposal, died=died))

    def _check(self, entries: Mapping[str, Entry]) -> None:
        """Raises StartupError where nothing can be served now or later, and with DAYLIGHT_STRICT for any refusal."""
        reasons = [entry.refused.reason for entry in entries.values() if entry.refused]
        hopeless = entries and not any(entry.serving or entry.proposal for entry in entries.values())
        if reasons and (self.predictor.settings.strict or hopeless):
            raise StartupError(reasons[0])

    def _share(self, entries: Mapping[str, Entry], seen: Table) -> Table:
        """Write the outcome into the table, but for models of which another worker has said something meanwhile."""
        with self.registry.locked_versions() as shared:
            for name, entry in entries.items():
                if shared.get(name) == seen.get(name):
                    shared[name] = entry
                proposal = shared[name].proposal
                if proposal and self.loads(name, proposal.version):
                    mark_preparing(shared, name, proposal, self.registry.pid, begins=True)
        return shared

    # --- later, what stood still

    def loads(self, name: str, version: str | None) -> bool:
        """Whether this version is being loaded since the start."""
        return self._first is not None and (name, version) in self._first.running().items()

    def result(self, name: str, version: str) -> Model | None:
        """A version whose load stood still and has ended since; None where there is none. Raises StartupError."""
        if self._first is None:
            return None
        reason = self._first.failures.pop(name, {}).get(version)
        if reason is not None:
            raise StartupError(reason)
        model = self._first.models.pop(name, None)
        return model if model is not None and model.version == version else None

    def adopt_late(self) -> None:
        """Serve what was to take the place of a refused version and stood still, now that it is loaded."""
        if self._first is None or not self._first.models:
            return
        with self.registry.locked_versions() as table:
            for name in list(self._first.models):
                entry = table.get(name, Entry())
                if entry.proposal:  # which may be for just that version: see `result`
                    continue
                model = self._first.models.pop(name)
                if entry.refused and entry.refused.version != model.version and entry.serving is None:
                    table[name] = replace(entry, serving=model.version)
                    self.predictor.swap({name: model})

    def replace_slow(self, table: Table) -> None:
        """Serve the last proven version of each model whose first load takes too long, until that is decided."""
        if self._first is None or monotonic() < self._began + SLOW:
            return
        for name in self._first.running().keys() - self._replaced:
            self._replaced.add(name)
            entry = table.get(name, Entry())
            for version in stand_ins(self._store, name) if entry.proposal and not entry.serving else ():
                try:
                    model = self.predictor.prepare(name, version)
                except StartupError as error:
                    log.error("%s version %s cannot take the place of a slow one: %s", name, version, error)
                    continue
                with self.registry.locked_versions() as shared:
                    if shared.get(name) == entry:
                        shared[name] = replace(entry, serving=version)
                        self.predictor.swap({name: model})
                break

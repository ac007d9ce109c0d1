"""What the store asks for: a look at its `current` files, and a proposal for each model whose file was replaced.

watch = StoreWatch(store, registry)
table = watch.propose_changes(registry.versions())
"""

from __future__ import annotations

import logging
from typing import Any

from ...errors import StartupError
from ...store.versions import Store
from .rollout_state import Entry, Table, propose, refuse_unreadable
from .worker_registry import WorkerRegistry

__all__ = ["StoreWatch"]

log = logging.getLogger(__name__)

UNREADABLE = (StartupError, OSError, ValueError)


class StoreWatch:
    def __init__(self, store: Store, registry: WorkerRegistry) -> None:
        self.store, self.registry = store, registry
        self._logged: str | None = None  # why the store cannot be looked at

    def stamps(self) -> dict[str, Any] | None:
        """{model: a value that changes whenever its current version is named anew}; None if the store is unreadable.

        The reason is logged once. A store that vanishes as a whole does not mean that nothing shall be served.
        """
        try:
            stamps, reason = self.store.stamps(), None
        except UNREADABLE as error:
            stamps, reason = None, str(error)
        if reason and reason != self._logged:
            log.error("what is loaded stays: %s", reason)
        self._logged = reason
        return stamps

    def propose_changes(self, table: Table) -> Table:
        """Propose what the store says, where that has changed since this table was written; returns the new table."""
        stamps = self.stamps()
        if stamps is None:
            return table
        names = stamps.keys() | table.keys()
        if all(name in table and table[name].stamp == stamps.get(name) for name in names):
            return table
        with self.registry.locked_versions() as shared:
            for name in sorted(names):
                entry = shared.setdefault(name, Entry())
                if entry.stamp != stamps.get(name):
                    shared[name] = self.proposed(entry, name, stamps.get(name))
        return shared

    def proposed(self, entry: Entry, name: str, stamp: Any) -> Entry:
        """The entry after a proposal of the model's current version; of none, where it is unloaded or gone."""
        try:
            version = None if entry.unloaded or stamp is None else self.store.current(name)
        except UNREADABLE as error:
            return refuse_unreadable(entry, stamp, str(error))
        return propose(entry, version, stamp, by=self.registry.pid)

"""A worker serves what its server has committed: the moment it is committed, for every request that comes after.

    follower = Follower(predictor, registry)
    follower.prepared["tumour"] = (proposal.id, model)      # loaded, and not served yet
    follower.follow(table)                                  # from the rollout's thread
    follower.catch_up()                                     # before a request looks for its model

The rollout's thread looks at the table ten times a second while there is something to decide. Requests do not wait for
it: each compares a number in shared memory with the one seen last, and where that has changed, the committed versions
that are prepared take their places first. So when one worker has answered with a new version, no worker answers a
later request with the old one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict

from ...errors import StartupError
from ...models.base import Model
from ...predictor import Predictor
from .first_load import SLOW
from .hot_loading import RetiredModels
from .rollout_state import Entry, Table, awaited
from .worker_registry import WorkerRegistry

__all__ = ["Follower"]

log = logging.getLogger(__name__)


class Follower:
    """prepared: {model name: (id of an open proposal, the model loaded for it, or None)}.

    still_loading: which models' first versions are being loaded, a sentence or "".
    """

    def __init__(self, predictor: Predictor, registry: WorkerRegistry) -> None:
        self.predictor, self.registry = predictor, registry
        self.prepared: dict[str, tuple[str, Model | None]] = {}
        self.still_loading = ""
        self.retired = RetiredModels()
        self._swapping = threading.Lock()  # held for an assignment, never while a model is loaded
        self._seen = registry.changes.number()

    def catch_up(self) -> None:
        """Serve what has been committed since the last call and is prepared here. Costs a comparison if nothing has."""
        if self.registry.changes.number() != self._seen:
            with suppress(OSError):  # of the run folder: the thread says so
                seen = self.registry.changes.settled()
                self._change_over(self.registry.versions())
                self._seen = seen

    def follow(self, table: Table) -> None:
        """Serve what is committed; drop the models that were prepared for a proposal which is no longer open.

        A worker that started after the preparation loads the version now. Raises StartupError, or what loading raised.
        """
        self._tell(table)
        missing = self._change_over(table)
        self._swap({name: self._loaded(name, version) for name, version in missing.items()})

    def version(self, name: str) -> str | None:
        """The version of a model that this worker serves."""
        model = self.predictor.serving().get(name)
        return model.version if model else None

    def _change_over(self, table: Table) -> dict[str, str]:
        """Serve what is committed and prepared; {name: version} of what is committed, not served and not prepared."""
        missing: dict[str, str] = {}
        changes: dict[str, Model | None] = {}
        with self._swapping:
            for name in table.keys() | self.predictor.serving().keys():
                entry = table.get(name, Entry())
                prepared_for, model = self.prepared.get(name, (None, None))
                if entry.proposal and entry.proposal.id == prepared_for:
                    continue
                self.prepared.pop(name, None)
                if entry.serving == self.version(name):
                    continue
                if entry.serving is None or (model and model.version == entry.serving):
                    changes[name] = model if entry.serving else None
                else:
                    missing[name] = entry.serving
            self._swap(changes)
        return missing

    def _loaded(self, name: str, version: str) -> Model:
        try:
            return self.predictor.prepare(name, version)
        except Exception as error:  # the others could load it: this worker has to start anew
            self.predictor.fail(error if isinstance(error, StartupError) else StartupError(str(error)))
            raise

    def _swap(self, changes: Mapping[str, Model | None]) -> None:
        serving = self.predictor.serving()
        self.retired.add(serving[name] for name in changes if name in serving)
        if changes:
            self.predictor.swap(changes)
        for name, model in changes.items():
            log.info("%s is %s", name, f"at version {model.version}" if model else "served no more")

    def _tell(self, table: Table) -> None:
        refused = {name: asdict(entry.refused) for name, entry in table.items() if entry.refused}
        if refused != self.predictor.refused:
            for name, refusal in refused.items():
                if refusal != self.predictor.refused.get(name):
                    log.error("%s version %s is refused: %s", name, refusal["version"], refusal["reason"])
        self.predictor.tell(refused, awaited(table))
        first = awaited(table, SLOW).items()
        self.still_loading = "; ".join(f"{name} version {version} is being loaded" for name, version in first)

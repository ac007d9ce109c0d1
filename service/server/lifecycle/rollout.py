"""A version replaces another one while requests are answered: in every worker, or in none.

    rollout = Rollout(predictor, registry)
    rollout.load()             # what this server serves already, or the store's current versions
    rollout.start()            # from now on a thread looks at the store, twice a second

Every change (a `current` file was replaced, a model came or went, an admin asked over HTTP) takes two phases in the
table that the workers share (rollout_state has the state machine, docs/rollout.md its diagram):

1. The worker that sees the change first proposes it. Every worker that serves loads the version beside the one it
   serves, checks its digests, replays its example, warms it, and votes: prepared, or the reason why not.
2. When all of them are prepared, one worker commits the version, and each replaces its models by one assignment,
   before the next request that it answers (see follower). If one is not prepared, or not in time, or two died of it,
   the proposal is refused: no worker changes, and the reason is kept until the next change.

The proposer has a head start, so that a version which kills its process kills one. A worker that starts serves what
the table says, not what the store says, so it never serves what was refused; a worker that ends has no vote.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

from ...errors import ModelNotFound, StartupError, Unavailable
from ...predictor import Predictor
from .follower import Follower
from .hot_loading import short_switch_interval
from .rollout_state import (
    Entry,
    Proposal,
    Table,
    begin_preparing,
    decide,
    forget_refusals,
    mark_preparing,
    open_proposals,
)
from .start import Start
from .store_watch import StoreWatch
from .worker_registry import WorkerRegistry, unready
from .worker_status import SERVING, Vote, WorkerState, WorkerStatus

__all__ = ["Rollout"]

log = logging.getLogger(__name__)

INTERVAL = 0.5  # seconds between two looks at the store ...
SHORT_INTERVAL = 0.1  # ... and while a proposal is open
RETRY = 2.0  # seconds between two attempts of a worker that could not load
# Seconds after which what was refused is tried again where no model is served: a retry harms nobody, not even by
# ending the worker, and what kept the versions from being loaded (a lack of memory, a lost mount) may be over.
AFRESH = 20.0
LAST_FRAMES = 5.0  # seconds before the grace ends in which texts that are still being written get their last frame


class Rollout:
    """Keeps one worker's Predictor at what the workers of the server have agreed on."""

    def __init__(
        self, predictor: Predictor, registry: WorkerRegistry, *, grace: float = 60.0, patience: float = 120.0
    ) -> None:
        """grace: seconds that a worker has for leaving. patience: seconds that all have for loading a version."""
        self.predictor, self.registry = predictor, registry
        self.grace, self.patience = grace, patience
        self.workers = predictor.settings.workers
        self._watch = StoreWatch(predictor.store, registry)
        self._status = WorkerStatus()  # as last published
        self._votes: dict[str, Vote] = {}  # by model name
        self._follower = Follower(predictor, registry)
        predictor.catch_up = self._follower.catch_up
        self._next_attempt = 0.0
        self._served = monotonic()  # the last moment at which there was a model, or a hope for one
        self._drain_ends: float | None = None  # the moment at which the texts are ended
        self._start = Start(predictor, registry, self._watch)

    # --- for the worker's own thread

    def load(self) -> None:
        """Load what the server serves; where no worker serves yet, what the store says. Raises StartupError."""
        if not self._next_attempt:  # one that tries again takes requests meanwhile, and stays "failed" until it can
            self._publish(state=WorkerState.STARTING)
        table = self.registry.versions()
        try:
            if table and self.others_serve():
                self.predictor.load_versions({name: entry.serving for name, entry in table.items() if entry.serving})
            else:
                self._start.load(full=self.workers)
        except StartupError as error:
            self.predictor.fail(error)
            self._publish(state=WorkerState.FAILED, why=str(error))
            self._next_attempt = monotonic() + RETRY
            raise
        self._follow(self.registry.versions())
        self._publish()

    def start(self, *, grace: float | None = None, workers: int | None = None) -> threading.Thread:
        """Start the thread, which ends with the process.

        grace: seconds that this worker has for leaving. workers: how many the server has. Default: as constructed.
        """
        self.grace, self.workers = self.grace if grace is None else grace, workers or self.workers
        thread = threading.Thread(target=self._run, name="daylight-rollout", daemon=True)
        thread.start()
        return thread

    def drain(self) -> None:
        """Mark this worker as draining; the texts it writes are ended shortly before the grace ends.

        A signal handler calls it, so it takes no lock.
        """
        if self._drain_ends is None:
            self._drain_ends = monotonic() + self.grace - min(LAST_FRAMES, self.grace / 2)
            self.predictor.drain()
            self.registry.drain()

    def leave(self) -> None:
        """Deregister after a clean exit: it no longer votes, and its exit does not count as a crash of a version."""
        with suppress(OSError), self.registry.locked_versions() as table:
            for name, entry in table.items():
                if entry.proposal:
                    mark_preparing(table, name, entry.proposal, self.registry.pid, begins=False)
        self.registry.loading({})
        self.registry.forget(self.registry.pid)

    # --- for requests

    def unready(self) -> list[dict[str, Any]]:
        """Why the server as a whole is not ready: one dict for each worker that is not, or none. See WorkerRegistry."""
        own = self.predictor.why_not
        if own and self._drain_ends is None:
            return [{"worker": self.registry.pid, "state": "failed", "why": own}]
        return unready(self.registry, self.workers)

    def ask(self, name: str, *, load: bool) -> None:
        """Propose to serve the model's current version, even if it was refused, or to serve none until the server ends.

        Raises ModelNotFound, or Unavailable for a broken store.
        """
        stamps = self._watch.stamps()
        if stamps is None:
            raise Unavailable("the store cannot be read; the server's log says why")
        if name not in stamps:
            raise ModelNotFound(f"there is no model {name!r} in the store; there are {', '.join(stamps)}")
        with self.registry.locked_versions() as table:
            entry = replace(table.get(name, Entry()), unloaded=not load)
            table[name] = self._watch.proposed(entry, name, stamps[name])

    def wait(self, name: str, seconds: float) -> Entry:
        """The model's entry, once no proposal for it is open and this worker serves what is committed."""
        ends, pause = monotonic() + seconds, threading.Event()
        while True:
            entry = self.registry.versions().get(name, Entry())
            if (entry.proposal is None and entry.serving == self._follower.version(name)) or monotonic() >= ends:
                return entry
            pause.wait(0.02)

    def others_serve(self) -> bool:
        """Whether another worker of the server answers."""
        workers = self.registry.workers().items()
        return any(status.state in SERVING for pid, status in workers if pid != self.registry.pid)

    # --- the thread

    def _run(self) -> None:
        pause, logged = threading.Event(), None
        while True:
            try:
                soon, failure = self.turn(), None
            except Exception as error:  # a full or vanished folder, say: requests are answered all the same
                soon, failure = False, f"{type(error).__name__}: {error}"
                if failure != logged:
                    log.exception("the store cannot be followed")
            logged = failure
            pause.wait(SHORT_INTERVAL if soon else INTERVAL)

    def turn(self) -> bool:
        """One round: follow, propose, prepare, decide, follow. Returns whether the next round shall come soon."""
        self._publish()
        if self._drain_ends is not None:
            self._end_texts_in_time(self._drain_ends)
            return True
        if self._serving() or self._hopes():
            self._served = monotonic()
        elif monotonic() > self._served + AFRESH:
            self._begin_afresh()
        if self.predictor.failure is not None:
            self._try_again()
            return False
        self._start.adopt_late()
        table = self.registry.versions()
        self._follow(table)  # what is committed must not wait until a later version is prepared
        self.predictor.forget_removed()
        self._follower.retired.release_memory()
        table = self._watch.propose_changes(table)
        self._start.replace_slow(table)
        for name, proposal in open_proposals(table).items():
            if not self._start.loads(name, proposal.version):
                self._prepare(name, proposal)
        if open_proposals(table):
            table = self._decide()
        self._follow(table)
        return bool(open_proposals(table))

    def _end_texts_in_time(self, drain_ends: float) -> None:
        if monotonic() >= drain_ends:
            self._drain_ends = float("inf")
            self.predictor.end_texts(*self._follower.retired.living())

    def _try_again(self) -> None:
        if monotonic() >= self._next_attempt:
            try:
                self.load()
            except StartupError as error:
                log.error("not ready: %s", error)

    def _hopes(self) -> bool:
        """Whether another worker serves a model, or this one votes on a version that may be served soon."""
        if any(status.serving for status in self.registry.workers().values()):
            return True
        return self.predictor.failure is None and bool(open_proposals(self.registry.versions()))

    def _begin_afresh(self) -> None:
        self._served = monotonic()
        self.registry.forget_deaths()
        with self.registry.locked_versions() as table:
            forget_refusals(table)

    def _prepare(self, name: str, proposal: Proposal) -> None:
        """Load the proposed version beside the one that is served, once, and vote."""
        if self._status.vote_for(name, proposal.id):
            return
        with self.registry.locked_versions() as table:
            workers, pid = self.registry.workers(), self.registry.pid
            if not begin_preparing(table, name, proposal.id, workers, pid=pid, full=self.workers):
                return
        self._publish(busy=True)
        reason = model = None
        try:
            if proposal.version is None:
                self.predictor.without(name)
            else:
                with short_switch_interval():
                    opened = self._start.result(name, proposal.version)
                    model = self.predictor.prepare(name, proposal.version, opened)
        except Exception as error:  # whatever a version raises while it is loaded is a reason to refuse it
            reason = str(error) if isinstance(error, StartupError) else f"{type(error).__name__}: {error}"
        self._follower.prepared[name] = (proposal.id, model)
        self._votes[name] = Vote(proposal.id, reason)
        self._publish(busy=False)
        with self.registry.locked_versions() as table:
            mark_preparing(table, name, proposal, pid, begins=False)

    def _decide(self) -> Table:
        with self.registry.locked_versions() as table:
            late = decide(table, self.registry.workers(), patience=self.patience)
        for pid in late:
            log.error("worker %d hangs while it loads a version and is asked to leave", pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        return table

    def _follow(self, table: Table) -> None:
        """Serve what is committed, and tell the others of it."""
        before = self._status.serving
        self._follower.follow(table)
        if self._serving() != before:
            self.registry.forget_deaths()
            self._publish()

    def _serving(self) -> dict[str, str]:
        return {name: model.version for name, model in self.predictor.serving().items()}

    def _publish(self, **changes: Any) -> None:
        """Tell the others this worker's status: with these changes, and its votes."""
        if "state" not in changes:
            reason = self.predictor.why_not or ""
            failed = self.predictor.failure is not None
            state = WorkerState.FAILED if failed else WorkerState.IDLE if reason else WorkerState.READY
            changes |= {"state": state, "why": reason or self._follower.still_loading}
        self._status = replace(self._status, votes=dict(self._votes), serving=self._serving(), **changes)
        self.registry.heartbeat(self._status)

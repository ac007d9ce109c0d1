"""A version takes another one's place while requests are answered: in every worker, or in none.

    rollout = Rollout(predictor, registry)
    rollout.load()             # what this server serves already, or the store's current versions
    rollout.start()            # from now on a thread looks at the store, twice a second

Whatever should change (a `current` file was replaced, a model came or went, somebody asked over HTTP) goes through
two phases in the table that the workers share (service.server.lifecycle.worker_registry):

1. Whoever sees it first writes a proposal. Every worker that serves loads the version beside the one it serves,
   checks its digests, replays its example, warms it, and says that it is prepared, or why it is not.
2. When all of them are prepared, whoever sees it first writes that the model now *is* at that version, and each
   worker replaces its models by one assignment within a tenth of a second. If one is not prepared, or not in time,
   or died of it twice, the proposal is refused: nobody moves, and the reason is kept until the next change.

The worker that proposed is a moment ahead of the others, so that a version which kills its process kills one. A worker
that starts serves what the table says, not what the store says, and so it never serves what was refused; one that ends
needs not be waited for. A store that vanishes as a whole is no order to serve nothing: what is loaded stays.
"""

import logging
import os
import signal
import threading
from contextlib import suppress
from time import monotonic

from ...errors import ModelNotFound, StartupError, Unavailable
from .hot_loading import RetiredModels, short_switch_interval
from .rollout_state import decide, entry_of, is_vote_for, mark_preparing, may_prepare, propose
from .worker_registry import unready

__all__ = ["Rollout"]

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks at the store ...
SOON = 0.1  # ... and while something is about to change
RETRY = 2.0  # seconds between two trials of a worker that could not load
FARE_WELL = 5.0  # seconds before the grace ends in which texts that are still being written get their last frame
UNREADABLE = (StartupError, OSError, ValueError)


class Rollout:
    """Keeps one worker's Predictor at what the workers of the server have agreed on."""

    def __init__(self, predictor, registry, *, grace=60.0, patience=120.0):
        """grace: seconds that a worker has for leaving. patience: seconds that all have for loading a version."""
        self.predictor, self.registry = predictor, registry
        self.grace, self.patience = grace, patience
        self.workers = predictor.settings.workers
        self._prepared = {}  # model name -> (id of a proposal, Model or None), as long as it is not decided
        self._votes = {}  # model name -> [id of a proposal, None or why it is not prepared]
        self._next_trial = 0.0
        self._leaves = None  # the moment at which the grace ends
        self._retired = RetiredModels()
        self._told = None  # why the store cannot be looked at

    # --- for the worker's own thread

    def load(self):
        """Load what the server serves; where nobody serves yet, what the store says. Raises StartupError."""
        if not self._next_trial:  # one that tries again takes requests meanwhile, and stays "failed" until it can
            self._tell(state="starting")
        table = self.registry.versions()
        agreed = {name: entry["serving"] for name, entry in table.items() if entry["serving"]}
        try:
            stamps = self._stamps()
            try:
                self.predictor.load(agreed if table else None)
            except StartupError:
                if not table or self.others_serve():
                    raise
                # The agreed version cannot be loaded and no other worker serves it: fall back to the store's
                # current version, which the operator may have changed.
                self.predictor.load()
                table = {}
        except StartupError as error:
            self._tell(state="failed", why=str(error))
            self._next_trial = monotonic() + RETRY
            raise
        with self.registry.locked_versions() as shared:
            if not table and not self.others_serve():
                shared.clear()
            for name, model in self.predictor.serving().items():
                shared.setdefault(name, entry_of(model.version, (stamps or {}).get(name)))
        self._apply(self.registry.versions())
        self._tell()

    def start(self, *, grace=60.0, workers=None):
        """Start the thread, which ends with the process.

        grace: seconds that this worker has for leaving. workers: how many the server has; default: as its settings say.
        """
        self.grace, self.workers = grace, workers or self.workers
        thread = threading.Thread(target=self._run, name="daylight-rollout", daemon=True)
        thread.start()
        return thread

    def drain(self):
        """This worker leaves, and says so at once; the texts it writes are ended shortly before the grace ends.

        Called by the handler of a signal: it takes no lock.
        """
        if self._leaves is None:
            self._leaves = monotonic() + self.grace - min(FARE_WELL, self.grace / 2)
            self.predictor.drain()
            self.registry.drain()

    def leave(self):
        """Deregister after a clean exit: it no longer votes, and its exit does not count as a crash of a version."""
        with suppress(OSError), self.registry.locked_versions() as table:
            for entry in table.values():
                if entry["proposal"] and self.registry.pid in entry["proposal"]["trying"]:
                    entry["proposal"]["trying"].remove(self.registry.pid)
        self.registry.forget(self.registry.pid)

    # --- for requests

    def unready(self):
        """Why the server as a whole is not ready: one dict for each worker that is not, or none. See WorkerRegistry."""
        own = self.predictor.why_not
        if own and self._leaves is None:
            return [{"worker": self.registry.pid, "state": "failed", "why": own}]
        return unready(self.registry, self.workers)

    def ask(self, name, *, load):
        """Serve the model's current version, tried anew if it was refused, or do not serve it: until the server ends.

        The change goes the same way as every other. Raises ModelNotFound, or Unavailable for a broken store.
        """
        stamps = self._stamps()
        if stamps is None:
            raise Unavailable("the store cannot be read; the server's log says why")
        if name not in stamps:
            raise ModelNotFound(f"there is no model {name!r} in the store; there are {', '.join(stamps)}")
        with self.registry.locked_versions() as table:
            entry = table.setdefault(name, entry_of())
            entry["unloaded"] = not load
            self._propose(name, entry, stamps[name])

    def wait(self, name, seconds):
        """The model's entry in the table, as soon as nothing is about to change for it and this worker has followed."""
        ends, pause = monotonic() + seconds, threading.Event()
        while True:
            entry = self.registry.versions().get(name) or entry_of()
            if (entry["proposal"] is None and entry["serving"] == self._version(name)) or monotonic() >= ends:
                return entry
            pause.wait(0.02)

    # --- the thread

    def _run(self):
        pause, told = threading.Event(), None
        while True:
            try:
                soon, failed = self.turn(), None
            except Exception as error:  # a full or vanished folder, say: requests are answered all the same
                soon, failed = False, f"{type(error).__name__}: {error}"
                if failed != told:
                    log.exception("the store cannot be followed")
            told = failed
            pause.wait(SOON if soon else LOOK)

    def turn(self):
        """One look at everything; whether to look again soon."""
        self._tell()
        if self._leaves is not None:
            if monotonic() >= self._leaves:
                self._leaves = float("inf")
                self.predictor.end_texts(*self._retired.living())
            return True
        if self.predictor.failure is not None:
            return self._try_again()
        self._apply(self.registry.versions())  # before anything new is prepared in its place
        self.predictor.forget_removed()
        self._retired.release_memory()
        stamps = self._stamps()
        if stamps is not None:
            self._look(stamps)
        for name, entry in self.registry.versions().items():
            if entry["proposal"]:
                self._vote(name, entry["proposal"])
        if any(entry["proposal"] for entry in self.registry.versions().values()):
            self._decide()
        table = self.registry.versions()
        self._apply(table)
        return any(entry["proposal"] for entry in table.values())

    def _try_again(self):
        if monotonic() >= self._next_trial:
            try:
                self.load()
            except StartupError as error:
                log.error("not ready: %s", error)
        return False

    def _stamps(self):
        """What the store says, or None where it says nothing; told in the log once."""
        try:
            stamps, told = self.predictor.store.stamps(), None
        except UNREADABLE as error:
            stamps, told = None, str(error)
        if told and told != self._told:
            log.error("what is loaded stays: %s", told)
        self._told = told
        return stamps

    def _look(self, stamps):
        """Propose what the store says anew."""
        seen = self.registry.versions()
        names = stamps.keys() | seen.keys()
        if all(name in seen and seen[name]["stamp"] == stamps.get(name) for name in names):
            return
        with self.registry.locked_versions() as table:
            for name in sorted(names):
                entry = table.setdefault(name, entry_of())
                if entry["stamp"] != stamps.get(name):
                    self._propose(name, entry, stamps.get(name))

    def _propose(self, name, entry, stamp):
        try:
            version = None if entry["unloaded"] or stamp is None else self.predictor.store.current(name)
        except UNREADABLE as error:
            entry |= {"stamp": stamp, "proposal": None, "refused": {"version": None, "reason": str(error)}}
        else:
            propose(entry, version, stamp, by=self.registry.pid)

    def _vote(self, name, proposal):
        """Prepare what is proposed, once, and say how that went."""
        workers, pid = self.registry.workers(), self.registry.pid
        if is_vote_for(self._votes, name, proposal) or not may_prepare(
            name, proposal, workers, pid=pid, full=self.workers
        ):
            return
        self._trying(name, proposal, True)
        self._tell(busy=True)
        reason = model = None
        try:
            if proposal["version"] is None:
                self.predictor.without(name)
            else:
                with short_switch_interval():
                    model = self.predictor.prepare(name, proposal["version"])
        except Exception as error:  # whatever a version does while it is loaded, it is a reason to refuse it
            reason = str(error) if isinstance(error, StartupError) else f"{type(error).__name__}: {error}"
        self._prepared[name] = (proposal["id"], model)
        self._votes[name] = [proposal["id"], reason]
        self._tell(busy=False)
        self._trying(name, proposal, False)

    def _trying(self, name, proposal, begins):
        with self.registry.locked_versions() as table:
            mark_preparing(table, name, proposal, self.registry.pid, begins)

    def _decide(self):
        with self.registry.locked_versions() as table:
            late = decide(table, self.registry.workers(), patience=self.patience)
        for pid in late:
            log.error("worker %d hangs while it loads a version and is asked to leave", pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _apply(self, table):
        """Serve what was decided; let go of what was refused."""
        self._tell_refused(table)
        serving = self.predictor.serving()
        changes = {}
        for name in table.keys() | serving.keys():
            entry = table.get(name) or entry_of()
            if not entry["proposal"] or self._prepared.get(name, [None])[0] != entry["proposal"]["id"]:
                _, ready = self._prepared.pop(name, (None, None))
                if entry["serving"] != self._version(name):
                    changes[name] = self._at(name, entry["serving"], ready)
        if changes:
            self._retired.add(serving[name] for name in changes if name in serving)
            self.predictor.swap(changes)
            self._tell()
            for name, model in changes.items():
                if model:
                    log.info("%s is at version %s", name, model.version)
                else:
                    log.info("%s is served no more", name)

    def _at(self, name, version, ready):
        """The model that was decided on. A worker that began after it was prepared loads it now."""
        if version is None or (ready and ready.version == version):
            return ready if version else None
        try:
            return self.predictor.prepare(name, version)
        except Exception as error:  # the others could: this worker has to start anew
            self.predictor.fail(error if isinstance(error, StartupError) else StartupError(str(error)))
            raise

    def _tell_refused(self, table):
        refused = {name: entry["refused"] for name, entry in table.items() if entry["refused"]}
        if refused != self.predictor.refused:
            for name, told in refused.items():
                if told != self.predictor.refused.get(name):
                    log.error("%s version %s is refused: %s", name, told["version"], told["reason"])
            self.predictor.refuse(refused)

    def _version(self, name):
        model = self.predictor.serving().get(name)
        return model and model.version

    def others_serve(self):
        """Whether another worker of the server answers."""
        found = self.registry.workers()
        return any(said["state"] in ("ready", "idle") for pid, said in found.items() if pid != self.registry.pid)

    def _tell(self, **news):
        if "state" not in news:
            why, failed = self.predictor.why_not, self.predictor.failure is not None
            news |= {"state": "failed" if failed else "idle" if why else "ready", "why": why or ""}
        self.registry.heartbeat(votes=self._votes, **news)

"""gunicorn's hooks: the checks before the first fork, the run folder, and the beginning and the end of each worker.

    hooks = Hooks(settings, run_folder, worker_class, engine_folder, None, chosen=lines, refusal=None)
    hooks.by_name()                                                 # {"on_starting": <function>, ...}

Hooks of the master may import neither numpy nor a model (see config).
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any

from ..errors import StartupError
from ..models import check_stored, own_process, slowness
from ..observability.gauges import keep_publishing
from ..settings import Settings
from ..store.missing_libraries import install
from ..store.proven import versions_to_try
from ..store.versions import Store, StoredVersion
from ..web.access.exposure import check_exposure
from ..web.services import EXTENSION
from . import engine_watch, follower_watch
from .lifecycle.run_folder import make_run_folder
from .lifecycle.running_servers import announce
from .lifecycle.worker_registry import WorkerRegistry
from .master_loop import look_in_loop, outlive_failed_starts
from .rolling_reload import new_workers_first, worker_gone
from .staying import stay
from .worker_class import KEEP_ALIVE
from .worker_end import end_hanging_worker, end_with_master, on_term

__all__ = ["Hooks"]

# Exit codes of a worker that end the whole server. gunicorn's own are 3 and 4, and any model may end its process so.
CANNOT_BOOT, CANNOT_IMPORT = 190, 191
YOUNG_OBJECTS = 20_000  # between two garbage collections; Python's 700 are those of three requests


class Hooks:
    """The hooks of one configuration.

    run_folder: what the workers of this server share while it runs. chosen: lines for the log that say what was chosen
    for the models, and why. engine_folder: of the engine process, or None where no model of the store wants one. url:
    of the store elsewhere that the folder of models follows, or None. refusal: why this machine cannot serve the store,
    or None.
    """

    def __init__(
        self,
        settings: Settings,
        run_folder: str,
        worker_class: str,
        engine_folder: str | None,
        url: str | None,
        *,
        chosen: Sequence[str],
        refusal: str | None,
    ) -> None:
        self.settings, self.run_folder, self.worker_class = settings, run_folder, worker_class
        self.engine_folder, self.url, self.chosen, self.refusal = engine_folder, url, chosen, refusal

    def by_name(self) -> dict[str, Callable[..., None]]:
        """{gunicorn's name of the hook: the method}."""
        hooks = (
            self.on_starting,
            self.when_ready,
            self.on_reload,
            self.on_exit,
            self.pre_exec,
            self.pre_fork,
            self.post_fork,
            self.post_worker_init,
            self.worker_exit,
            self.child_exit,
        )
        return {hook.__name__: hook for hook in hooks}

    # --- of the master

    def on_starting(self, server: Any) -> None:
        """Check the store before the first fork: one that cannot be served is refused here, in one sentence."""
        server.WORKER_BOOT_ERROR, server.APP_LOAD_ERROR = CANNOT_BOOT, CANNOT_IMPORT
        try:
            check_exposure(self.settings, server.cfg.address)
            check_store(self.settings)
            check_traces(self.settings)
            if self.refusal:
                raise StartupError(self.refusal)
            for line in self.chosen:
                server.log.info("%s", line)
        except (StartupError, OSError, ValueError) as error:  # an unreadable file, a folder that cannot be a model's
            server.log.error("daylight refuses to start: %s", error)
            sys.exit(CANNOT_BOOT)

    def when_ready(self, server: Any) -> None:
        """The sockets are open, and no worker is forked yet: a server whose port is taken leaves no run folder."""
        try:
            self.make_run_folder(server.master_pid)
            outlive_failed_starts(server, self.registry(os.getpid()).has_begun)
            stay(server)
            look_in_loop(server, engine_watch.running)
            if self.engine_folder:
                engine_watch.start(server, self.engine_folder)
            if self.url and self.settings.store_poll:
                follower_watch.start(server, self.url)
        except OSError as error:
            server.log.error("daylight refuses to start: %s", error)
            sys.exit(CANNOT_BOOT)

    def make_run_folder(self, predecessor: int) -> None:
        """Create the run folder. predecessor: the master that SIGUSR2 was sent to, or 0. Raises OSError."""
        if self.settings.run_folder:
            os.makedirs(self.run_folder, mode=0o700, exist_ok=True)
        else:
            make_run_folder(self.run_folder)
        registry = self.registry(os.getpid())
        registry.wipe()  # in a container every master has the same process id
        announce(registry, self.settings)
        if predecessor:
            registry.note_predecessor(predecessor)

    def on_reload(self, server: Any) -> None:
        """SIGHUP: the new workers are ready before the old ones leave; where they fail, the old ones stay.

        The new ones get an engine process of their own: their code may be another than that of the old one.
        """
        for line in self.chosen:
            server.log.info("%s", line)
        if self.engine_folder:
            try:
                engine_watch.start(server, self.engine_folder)
            except OSError as error:
                server.log.error("the engine process cannot be started, which is tried again: %s", error)
        if new_workers_first(server, self.registry(server.pid), seconds=self.settings.swap_seconds):
            engine_watch.retire(self.engine_folder)
        else:
            engine_watch.discard(server, self.engine_folder)

    def on_exit(self, server: Any) -> None:
        """The master ends: remove what the workers shared, unless the operator named the folder."""
        engine_watch.stop_all()
        follower_watch.stop()
        self.registry(server.pid).wipe()
        if not self.settings.run_folder:
            shutil.rmtree(self.run_folder, ignore_errors=True)

    def child_exit(self, server: Any, worker: Any) -> None:
        """A worker has ended, for whatever reason: deregister it, and keep what it counted.

        gunicorn ends the whole server where a hook raises, and the other workers answer well.
        """
        # Imported here: before the first fork, the workers would wait for it.
        from ..observability.metric_files import merge_ended

        try:
            worker_gone(worker.pid, self.registry(server.pid))
            merge_ended(self.run_folder)
        except Exception:
            server.log.exception("what worker %d counted is not merged yet", worker.pid)

    def pre_exec(self, server: Any) -> None:
        """SIGUSR2: start the new master as this one was started, as a module where it was a module.

        Started by the path of its `__main__.py`, Python would put that file's folder first on sys.path, and its
        modules would hide those of the standard library (gunicorn has a package `http`).
        """
        python, program, *rest = server.START_CTX["args"]
        if os.path.basename(program) == "__main__.py":
            server.START_CTX["args"] = [python, "-m", module_of(program), *rest]

    def registry(self, master: int) -> WorkerRegistry:
        return WorkerRegistry(self.run_folder, master=master)

    def pre_fork(self, server: Any, worker: Any) -> None:
        """Leave the master's objects out of the workers' garbage collections, which would copy their memory pages."""
        gc.freeze()

    # --- of a worker

    def post_fork(self, server: Any, worker: Any) -> None:
        """Collect no garbage while the application is loaded: there is none, and looking for it takes 30 ms."""
        gc.disable()
        from .protocol_errors import answer_in_json  # the master needs none of it

        answer_in_json()

    def post_worker_init(self, worker: Any) -> None:
        """Models that cannot be loaded end the server at its first start; later, the worker waits for better ones.

        gunicorn ends as a whole when a worker cannot boot. That is right for a first worker, and would be an outage
        for one that replaces a killed worker while the others answer well. Only the first worker (age 1) ends the
        server: gunicorn 27 fails on a second boot error while it stops.
        """
        gc.set_threshold(YOUNG_OBJECTS)
        gc.enable()
        services = worker.wsgi.extensions[EXTENSION]
        predictor, rollout = services.predictor, services.rollout
        if predictor.failure is not None and worker.age == 1:
            worker.log.error("daylight refuses to start: %s", predictor.failure)
            sys.exit(CANNOT_BOOT)
        predictor.restrict(self.unfit)
        rollout.start(grace=worker.cfg.graceful_timeout, workers=worker.cfg.workers)
        keep_publishing(services.meter, predictor)
        for observer in predictor.observers:
            observer.start()
        on_term(rollout.drain)  # after start: drain reads the grace
        end_hanging_worker(worker, predictor.admission)
        end_with_master(worker, self.run_folder)
        # While another worker answers, this one takes no requests; without any, this one answers why.
        while predictor.failure is not None and rollout.others_serve() and worker.alive:
            worker.notify()
            time.sleep(0.1)

    def unfit(self, version: StoredVersion) -> str | None:
        """Why a version cannot enter this running server, whose processes were chosen for others; None if it can."""
        apart = own_process(version) if self.engine_folder is None else None
        slow = slowness(version) if self.worker_class == KEEP_ALIVE and not self.settings.worker_class else None
        reason = apart or slow
        return reason and f"{reason}, and this server runs for other models: HUP to process {os.getppid()} changes it"

    def worker_exit(self, server: Any, worker: Any) -> None:
        """A worker ends by itself: deregister it, and keep what its observers have."""
        if worker.booted:
            services = worker.wsgi.extensions[EXTENSION]
            services.rollout.leave()
            for observer in services.predictor.observers:
                observer.end()
            if services.traces is not None:
                services.traces.end()


def check_store(settings: Settings) -> None:
    """Find one model whose files are sound; with DAYLIGHT_STRICT, check all. Raises StartupError where there is none.

    The workers check again what they load.
    """
    store = Store.of(settings)
    failures = []
    for name in store.check():
        failure = unsound(store, settings, name, versions_to_try(store, name)[: 1 if settings.strict else None])
        if failure is None and not settings.strict:
            return
        if failure is not None:
            failures.append(failure)
    if failures:
        raise failures[0]


def check_traces(settings: Settings) -> None:
    """Raise StartupError where spans are to go somewhere and what sends them is not installed."""
    if settings.traces:
        try:
            found = find_spec("opentelemetry.exporter.otlp.proto.http")
        except ModuleNotFoundError:  # not even its parent
            found = None
        if found is None:
            raise StartupError(f"DAYLIGHT_TRACES: {install(ModuleNotFoundError(name='opentelemetry'))}")


def unsound(store: Store, settings: Settings, name: str, versions: Iterable[str | None]) -> StartupError | None:
    """Why the first of these versions cannot be served; None where any of them passes `check_stored`."""
    failures = []
    for version in versions:
        try:
            stored = store.open(name, version)
            check_stored(stored, settings)
            return None
        except (StartupError, ValueError) as error:
            failures.append(error if isinstance(error, StartupError) else StartupError(str(error)))
    return failures[0]


def module_of(program: str) -> str:
    """The module whose `__main__.py` a path is: gunicorn's, or `daylight serve`'s own."""
    own = os.path.join(os.path.dirname(__file__), "__main__.py")
    return __package__ if os.path.exists(program) and os.path.samefile(program, own) else "gunicorn"

"""A version runs beside the current one: asked what callers asked, after they have their answers, and compared.

    shadows = Shadows(predictor, meter, registry.folder)        # an Observer
    shadows.start()                                             # a thread follows the store, and asks

The store says which (store.shadow). A share of the requests goes into a short queue; one thread asks the shadow, one
request after the other, and rests after each so that it takes no more than a tenth of the worker's time. What does not
fit the queue is counted, and so is everything that the shadow answers otherwise. Whatever a shadow does while it is
loaded or asked, callers notice nothing of it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...batch.replay.comparison import apart
from ...capabilities import PREDICT_TABLE, TableCall, summary
from ...errors import RequestError, StartupError
from ...models import capabilities_of, own_process
from ...models.memory import release_freed
from ...models.tables.output import close
from ...observability.metrics import Meter
from ...store.shadow import Shadow, read_shadow
from .hot_loading import short_switch_interval
from .shadow_states import LOADING, REFUSED, RUNNING, ShadowState, ShadowStates

if TYPE_CHECKING:
    from ...predictor import Predictor
    from ...store.versions import StoredVersion

__all__ = ["Shadows", "check_shadow"]

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at the store
WAITING = 64  # requests of all models
LARGEST = 2**20  # bytes of a body; larger ones are not kept for it
REST = 9  # times as long as it was asked, a shadow rests
PAUSE = 10.0  # seconds after a shadow has failed: each failure leaves a traceback in the log


def check_shadow(version: StoredVersion) -> None:
    """Raises ValueError where a version cannot be a shadow, whatever server it is: only tables in a worker are."""
    capabilities = capabilities_of(version)
    if PREDICT_TABLE not in capabilities:
        raise ValueError(f"{version} {summary(capabilities)}; only a version that predicts tables can be a shadow")
    if reason := own_process(version):
        raise ValueError(f"{reason}, where a shadow would keep callers waiting")


class Running(NamedTuple):
    """A shadow that is asked. current: the version that it runs beside. alike: whether both read tables alike."""

    model: Any
    share: float
    current: Any
    alike: bool


class Shadows:
    """The shadows of one worker. folder: of the worker registry; None where this process is no worker of a server."""

    def __init__(self, predictor: Predictor, meter: Meter, folder: Path | None) -> None:
        self._predictor, self._meter = predictor, meter
        self._states = ShadowStates(folder)
        self._running: Mapping[str, Running] = {}  # by the model's name; replaced whole
        self._told: dict[str, ShadowState] = {}  # by the model's name
        self._asked: dict[str, Shadow] = {}  # by the model's name: what the store said when it was last followed
        self._waiting: deque[tuple[Running, Any, Any]] = deque()
        self._due = threading.Event()
        self._paused: dict[str, float] = {}  # until when
        self._most: dict[tuple[str, str], float] = {}  # the largest differences
        self._ended = False

    # --- on the way of a request

    def answered(self, model: Any, call: Any, answer: Any, context: Any) -> None:
        running = self._running.get(model.name)
        if running is None or running.current is not model or random.random() >= running.share:
            return
        if type(call) is not TableCall:
            return
        if len(self._waiting) >= WAITING or context.size > LARGEST or model.name in self._paused:
            self._meter.add("daylight_shadow_dropped", 1, model=model.name, version=running.model.version)
            return
        self._waiting.append((running, call, answer))
        self._due.set()

    def refused(self, model: Any, call: Any, error: Any) -> None:
        """What was refused is not asked."""

    def start(self) -> None:
        threading.Thread(target=self._run, name="daylight-shadow", daemon=True).start()

    def end(self) -> None:
        """What waits is not asked any more."""
        self._ended = True
        self._due.set()

    # --- the thread

    def _run(self) -> None:
        logged, next_look = None, 0.0
        while not self._ended:
            try:
                if time.monotonic() >= next_look:
                    self.follow()
                    next_look = time.monotonic() + LOOK
                self.ask_next()
                failure = None
            except Exception as error:  # a full or vanished folder, say: requests are answered all the same
                failure = f"{type(error).__name__}: {error}"
                if failure != logged:
                    log.exception("shadows cannot be followed")
                time.sleep(LOOK)
            logged = failure

    def follow(self) -> None:
        """Load the shadows that the store asks for, and free those that it does not any more. Raises OSError."""
        root, serving = self._predictor.store.root, self._predictor.serving()
        found = {name: read_shadow(root / name) for name in serving}
        wanted = {name: shadow for name, shadow in found.items() if shadow and shadow.version != serving[name].version}
        now = time.monotonic()
        self._paused = {name: until for name, until in self._paused.items() if until > now}
        for name in self._told.keys() - wanted.keys():
            self._free(name)
        for name, shadow in wanted.items():
            running = self._running.get(name)
            told = self._told.get(name)
            if (
                told is None
                or told.version != shadow.version
                or (told.state == REFUSED and shadow != self._asked[name])
            ):
                self._free(name)
                self._load(name, shadow)
            elif running and (running.current is not serving[name] or running.share != shadow.share):
                self._run_beside(name, running.model, shadow.share)
        self._states.publish(self._told)

    def _load(self, name: str, shadow: Shadow) -> None:
        with self._states.turn() as mine:
            if not mine:
                return  # at the next look
            self._asked[name] = shadow
            version = shadow.version
            if self._states.deaths(name, version):
                self._refuse(name, version, "a worker ended while it loaded it")
                return
            self._told[name] = ShadowState(version, LOADING)
            self._states.publish(self._told)
            before = resident()
            try:
                check_shadow(self._predictor.store.open(name, version))
                with short_switch_interval():
                    model = self._predictor.open(name, version)
            except Exception as error:  # whatever a version raises while it is loaded
                known = isinstance(error, StartupError | ValueError)
                said = str(error) if known else f"{type(error).__name__}: {error}"
                self._refuse(name, version, said)
                return
            took = max(0, resident() - before)
            self._run_beside(name, model, shadow.share)
            self._told[name] = ShadowState(version, RUNNING, bytes=took)
            said = "%s version %s runs as a shadow for %g of the requests; it takes %.1f MB"
            log.info(said, name, version, shadow.share, took / 1e6)
            self._states.publish(self._told)

    def _run_beside(self, name: str, model: Any, share: float) -> None:
        current: Any = self._predictor.serving()[name]
        plan, own = current.plan, model.plan
        alike = (plan.columns, plan.container, plan.places) == (own.columns, own.container, own.places)
        self._running = {**self._running, name: Running(model, share, current, alike)}

    def _refuse(self, name: str, version: str, why: str) -> None:
        log.error("%s version %s cannot be a shadow: %s", name, version, why)
        self._told[name] = ShadowState(version, REFUSED, why)

    def _free(self, name: str) -> None:
        self._told.pop(name, None)
        if name in self._running:
            log.info("%s version %s is no shadow any more", name, self._running[name].model.version)
            self._running = {other: running for other, running in self._running.items() if other != name}
            self._waiting.clear()
            release_freed()

    def ask_next(self) -> None:
        """Ask a shadow what waits longest; wait for something where nothing does, for at most LOOK seconds."""
        try:
            running, call, answer = self._waiting.popleft()
        except IndexError:
            self._due.wait(LOOK)
            self._due.clear()
            return
        began = time.perf_counter()
        self._ask(running, call, answer)
        time.sleep(REST * (time.perf_counter() - began))

    def _ask(self, running: Running, call: Any, answer: Any) -> None:
        model, current = running.model, running.current
        labels = {"model": model.name, "version": model.version}
        instances = call.instances if running.alike else current.plan.records(call.instances)
        try:
            shadowed = model.run(TableCall(instances, call.outputs, call.top_k))
        except RequestError:
            self._meter.add("daylight_shadow_failures", 1, **labels)
            return
        except Exception as error:
            log.error("the shadow %s version %s fails, and rests: %s", model.name, model.version, error)
            self._meter.add("daylight_shadow_failures", 1, **labels)
            self._paused = {**self._paused, model.name: time.monotonic() + PAUSE}
            return
        self._compare(answer.predictions, shadowed.predictions, labels)

    def _compare(self, answers: list[Any], shadowed: list[Any], labels: dict[str, str]) -> None:
        otherwise, most = 0, 0.0
        for was, now in zip(answers, shadowed, strict=True):
            if not close(now, was):
                otherwise += 1
                most = max(most, abs(apart(was, now) or 0.0))
        self._meter.add("daylight_shadow_rows", len(answers), **labels)
        self._meter.add("daylight_shadow_disagreements", otherwise, **labels)
        key = labels["model"], labels["version"]
        if most > self._most.get(key, -1.0):
            self._most[key] = most
            self._meter.set("daylight_shadow_max_difference", most, **labels)


def resident() -> int:
    """Bytes of memory that this process holds."""
    with suppress(OSError, ValueError, LookupError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096
    return 0

"""How things stand now, written into the metrics again and again: for all workers, and for the engine process.

publish_waits(meter, predictor)             # in each worker
EngineGauges(meter).publish(host.loads())   # in the engine process
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..generation.engine_load import EngineLoad
    from ..predictor import Predictor
    from .metrics import Meter

__all__ = ["EngineGauges", "keep_publishing", "publish_waits"]

EVERY = 1.0  # seconds


def publish_waits(meter: Meter, predictor: Predictor) -> None:
    """What the models that this worker computes itself hold, and how long a request would wait for them."""
    waits = predictor.admission.waits()
    for name, model in predictor.serving().items():
        if model.capabilities[0].in_turn and not model.has_queue:
            held, seconds = waits.get(name, (0, 0.0))
            meter.set("daylight_waiting", held, model=name)
            meter.set("daylight_expected_wait_seconds", seconds, model=name)


def keep_publishing(meter: Meter, predictor: Predictor) -> None:
    """Start the thread that does so, in a worker."""

    def publish() -> None:
        while True:
            publish_waits(meter, predictor)
            time.sleep(EVERY)

    threading.Thread(target=publish, name="daylight-gauges", daemon=True).start()


class EngineGauges:
    """The metrics of the engine process. A model of which no version is loaded any more has zeros."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.models: set[str] = set()
        self.reused: dict[Any, int] = {}  # tokens of each engine that are counted already

    def publish(self, loads: Iterable[tuple[str, Any, EngineLoad]]) -> None:
        """loads: (model, its engine, how that stands), one for each version."""
        loads = list(loads)
        self.models |= {model for model, _, _ in loads}
        for model in self.models:
            of_it = [load for name, _, load in loads if name == model]
            for metric, number in (
                ("daylight_waiting", sum(load.waiting for load in of_it)),
                ("daylight_running", sum(load.running for load in of_it)),
                ("daylight_expected_wait_seconds", max((load.expected_wait for load in of_it), default=0.0)),
                ("daylight_kv_ratio", max((load.kv_ratio for load in of_it), default=0.0)),
                ("daylight_prefix_bytes", sum(load.prefix_bytes for load in of_it)),
            ):
                self.meter.set(metric, number, model=model)
        for model, engine, load in loads:
            self.meter.add("daylight_prefix_tokens", load.reused_tokens - self.reused.get(engine, 0), model=model)
        self.reused = {engine: load.reused_tokens for _, engine, load in loads}

"""The metrics that no worker counts, for all of them know the same: what is served, what is refused, and the build."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .. import __version__
from .metrics import METRICS

if TYPE_CHECKING:
    from ..models.base import Model

__all__ = ["Known"]


class Known(Collector):
    """served: {name: Model}, of which each has a version and a manifest. refused: names of models.

    memory: {kind of process: bytes}.
    """

    def __init__(
        self, served: Mapping[str, Model], refused: Iterable[str] = (), memory: Mapping[str, int] | None = None
    ) -> None:
        self._served, self._refused, self._memory = served, refused, memory or {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        refused = gauge("daylight_refused_models", "model")
        for name in self._refused:
            refused.add_metric([name], 1.0)
        info = gauge("daylight_model_info", "model", "version", "kind")
        packed = gauge("daylight_model_packed_timestamp_seconds", "model")
        for name, model in self._served.items():
            info.add_metric([name, model.version, model.kind], 1.0)
            packed.add_metric([name], datetime.fromisoformat(model.manifest.created).timestamp())
        memory = gauge("daylight_memory_bytes", "process")
        for process, held in self._memory.items():
            memory.add_metric([process], held)
        build = gauge("daylight_build_info", "version", "python")
        build.add_metric([__version__, platform.python_version()], 1.0)
        yield from (refused, info, packed, memory, build)


def gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name][1], labels=labels)

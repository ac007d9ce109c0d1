"""The metrics that no worker counts, for all of them know the same: what is served, what is refused, and the build."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .. import __version__
from .drift.judging import FEWEST
from .metrics import METRICS

if TYPE_CHECKING:
    from ..models.base import Model
    from .drift.observer import Report

__all__ = ["Known"]

MOST_FEATURES = 50  # of a model that have series of their own: those that drift first, then those of the largest PSI


class Known(Collector):
    """served: {name: Model}, of which each has a version and a manifest. refused: names of models.

    memory: {kind of process: bytes}. drift: of the models that have a profile. followed: when the store elsewhere was
    looked at last, in Unix time; None without one.
    """

    def __init__(
        self,
        served: Mapping[str, Model],
        refused: Iterable[str] = (),
        memory: Mapping[str, int] | None = None,
        drift: Sequence[Report] = (),
        followed: float | None = None,
    ) -> None:
        self._served, self._refused, self._memory, self._drift = served, refused, memory or {}, drift
        self._followed = followed

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._collect_drift()
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
        if self._followed is not None:
            followed = gauge("daylight_store_followed_timestamp_seconds")
            followed.add_metric([], self._followed)
            yield followed

    def _collect_drift(self) -> Iterator[GaugeMetricFamily]:
        rows = gauge("daylight_drift_rows", "model")
        drifted = gauge("daylight_drift_features", "model", "of")
        psi = gauge("daylight_drift_psi", "model", "of", "name")
        missing = gauge("daylight_drift_missing_ratio", "model", "column")
        strange = gauge("daylight_drift_strange_ratio", "model", "column")
        for report in self._drift:
            rows.add_metric([report.model], report.rows)
            for of in ("column", "output"):
                drifted.add_metric([report.model, of], sum(found.of == of for found in report.drifted))
            for found in report.findings[:MOST_FEATURES]:
                if found.rows < FEWEST:
                    continue
                psi.add_metric([report.model, found.of, found.feature.name], found.psi)
                if found.of == "column":
                    missing.add_metric([report.model, found.feature.name], found.missing)
                    strange.add_metric([report.model, found.feature.name], found.strange)
        yield from (rows, drifted, psi, missing, strange)


def gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name][1], labels=labels)

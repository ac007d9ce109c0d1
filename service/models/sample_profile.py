"""The training sample's distribution, as packing has written it, and a model's tables and answers counted by it.

profile = SampleProfile(plan, outputs, profile_of(version))
profile.count([answer.table, ...], [answer.raw, ...])     # int64 [profile.width]
profile.count_refused(call.instances, error.details)      # (int64 [profile.width], rows)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..observability.drift.profile import MISSING, STRANGE, Bins, Feature, features_of
from .tables.numbers import TableNumbers, output_numbers
from .tables.output import Output
from .tables.plan import ColumnPlan, Table
from .tables.rows import rows_of

__all__ = ["SampleProfile"]

ABSENT = ("null", "nothing")  # what a violation says it got where a cell is missing


class SampleProfile:
    """bins: the features of the columns, in the model's order, and behind them those of the outputs. of_outputs: where
    these begin.
    """

    def __init__(self, plan: ColumnPlan, outputs: Mapping[str, Output], content: Mapping[str, Any]) -> None:
        """content: of the version's profile."""
        self.bins, self.of_outputs = features_of(content)
        self.width = self.bins.width
        self.columns = Bins(self.bins.features[: self.of_outputs])
        self.table = TableNumbers(plan, [plan.names.index(feature.name) for feature in self.columns.features])
        self.outputs: dict[str, tuple[Output, dict[str, int] | None, Bins]] = {}
        place = self.of_outputs
        for name, entry in content["outputs"].items():
            labels = entry.get("labels")
            known = None if labels is None else {label: place for place, label in enumerate(labels)}
            end = place + len(entry["features"])
            self.outputs[name] = outputs[name], known, Bins(self.bins.features[place:end])
            place = end

    def count(self, tables: Sequence[Table], answers: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """int64 [width]: tables as the model got them, and {output: what the method returned} of each."""
        counts = [self.columns.count(self.table.read(joined([table.values for table in tables])))]
        for name, (output, labels, bins) in self.outputs.items():
            raw = [answer[name] for answer in answers if name in answer]
            parts = [joined(raw)] if raw and isinstance(raw[0], np.ndarray) else raw
            counts.append(
                sum(
                    (bins.count(output_numbers(part, output, labels)) for part in parts), np.zeros(bins.width, np.int64)
                )
            )
        return np.concatenate(counts)

    def count_refused(self, instances: Any, violations: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, int]:
        """(int64 [width], rows): the cells for which rows were refused: those that are missing, unknown categories, and
        numbers outside the sample's range. A cell of a wrong type is the caller's mistake, and no drift.
        """
        counts = np.zeros(self.width, dtype=np.int64)
        places = {feature.name: place for place, feature in enumerate(self.columns.features)}
        for violation in violations:
            place = places.get(violation.get("column", ""))
            slot = None if place is None else refused_slot(self.columns.features[place], violation["got"])
            if slot is not None:
                cells = 1 if "row" in violation else rows_of(instances)  # all rows lack the column
                counts[self.columns.starts[place] + slot] += cells
        return counts, len({violation.get("row") for violation in violations})


def refused_slot(feature: Feature, got: str) -> int | None:
    if got in ABSENT:
        return MISSING
    if feature.of_categories:
        return STRANGE
    try:
        number = float(got)
    except ValueError:
        return None
    lowest, highest = feature.range
    return None if lowest <= number <= highest else STRANGE


def joined(parts: Sequence[Any]) -> Any:
    """Arrays, frames or sparse matrices of one model's rows as one."""
    if len(parts) == 1:
        return parts[0]
    if hasattr(parts[0], "iloc"):
        import pandas as pd  # it is there: a frame is

        return pd.concat(parts, ignore_index=True)
    if hasattr(parts[0], "toarray"):
        from scipy.sparse import vstack

        return vstack(parts, format="csr")
    return np.concatenate(parts)

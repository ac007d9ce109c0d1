"""Drift of rows in files: as the server measures that of its last rows.

report = of_files(model, "rows/*.parquet")      # a service.observability.drift Report
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidInstances
from ..observability.drift.judging import judge
from ..observability.drift.observer import Report
from .parts import find, plan
from .reading import read
from .scoring import Scorer, nothing

__all__ = ["of_files"]

ROWS = 1000  # that are asked at once


def of_files(model: Any, source: str) -> Report:
    """model: a loaded version with a profile. source: a file, a folder, or a pattern.

    Raises ValueError or OSError where there are no rows, RequestError where a file cannot be read.
    """
    profile, outputs = model.profile, list(model.profile.outputs) or None
    counts, rows = np.zeros(profile.width, dtype=np.int64), 0
    scorer = Scorer(model, outputs, rows=ROWS)
    for part in plan(find(source), None):
        for chunk in read(part, model.plan.columns, ROWS, lambda read: nothing(read, 0)):
            if not len(chunk):
                continue
            rows += len(chunk)
            instances = chunk.instances(model.plan)
            try:
                answers = [model.predict(instances, outputs)]
            except InvalidInstances as error:
                counts += profile.count_refused(instances, error.details)[0]
                answers = [answer for places, answer, _ in scorer.answers(chunk) if places]
            for answer in answers:
                counts += profile.count([answer.table], [{name: raw for name, (_, raw) in answer.raw.items()}])
    if not rows:
        raise ValueError(f"{source} holds no row")
    return Report(model.name, model.version, rows, rows, judge(profile.bins, counts, profile.of_outputs))

"""Explains the answers of one version of a table model: how much each column adds to what background rows get.

    explainer = Explainer(plan, {"output": "predict_proba", "by_class": True}, background, outputs)
    explainer.explain(table.values, raw, run)       # a list of Explained, one a target
    explainer.output                                # the ExplanationOutput that makes answers of them

The contributions are Shapley values (tables/shapley.py) against the background rows that were packed with the version,
of the model's own answers: of a regressor's predictions, or of a classifier's score of the class that it predicts.
Where packing has shown that the answer is a sum of functions of single columns, one mixture a column is enough.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ...errors import DeadlineExceeded, InvalidParameters, PredictionFailed, ServiceError
from ..tables.mixing import joined, mixed
from ..tables.plain_values import dense, plain_values
from ..tables.shapley import plan_of
from .output import Explained, ExplanationOutput
from .scores import Scores, scores_of

__all__ = ["MOST_ROWS", "Explainer"]

log = logging.getLogger(__name__)

MOST_ROWS = 10  # of a request that are explained: each is some ten thousand rows to the model
CLOSED_FORM = "closed form"  # a method, beside those of shapley.py
AT_ONCE = 20_000  # rows of one call of the model; between two calls the deadline is looked at
CELLS = 2**22  # of one call: 32 MB of floats
GAP = 1e-6  # relative: an answer that is further from the sum of its columns is no such sum

Run = Callable[[Any, int, list[str]], dict[str, Any]]  # (rows, how many, methods) -> {method: what it returns}
Places = Callable[[np.ndarray], np.ndarray]  # numbers of mixtures -> their places, as `mixed` takes them
Ask = Callable[[Any, Places, int], list[Scores]]  # (table, places, how many mixtures) -> the model's answers for them


class Background(NamedTuple):
    """values: the background rows, as `joined` gives them. scores: the model's answers for them, one a target.

    offsets: of a sum of functions of single columns, one a target, [columns, classes]: the mean answers for the first
    background row with one cell of each of the others; else None.
    """

    values: Any
    scores: list[Scores]
    offsets: list[np.ndarray] | None


@dataclass(frozen=True)
class Rows:
    """The rows to explain. table: the background rows and, behind them, these. chosen: of each target, [rows]: which
    class of a row is explained. own: of each target, [rows]: the answers for the rows themselves.
    """

    table: Any
    count: int
    chosen: list[np.ndarray]
    own: list[np.ndarray]


class Explainer:
    """plan: the version's ColumnPlan. described: "output", the method whose numbers are explained, "by_class", whether
    they are scores of classes, and "additive", where it has been shown. background: JSON rows. outputs: {method:
    Output}.
    """

    def __init__(
        self,
        plan: Any,
        described: Mapping[str, Any],
        background: Sequence[Mapping[str, Any]],
        outputs: Mapping[str, Any],
    ) -> None:
        self.measured: str = described["output"]
        self.by_class: bool = described["by_class"]
        self.additive = "additive" in described
        self.output = ExplanationOutput(self.measured, plan.names)
        self.needs = [self.measured, *(["predict"] if self.by_class and "predict" in outputs else [])]
        self._plan, self._outputs, self._rows = plan, outputs, list(background)
        self._columns = len(plan.names)
        self._known: Background | None = None  # learned from the first request that asks

    def explain(self, values: Any, raw: Mapping[str, Any], run: Run, deadline: float | None = None) -> list[Explained]:
        """The rows of a table that the plan has read. raw: what the methods of `needs` returned for them.

        Raises InvalidParameters where an answer is no finite number, PredictionFailed where the model fails on a
        mixture of rows, and DeadlineExceeded.
        """

        def ask(table: Any, places: Places, count: int) -> list[Scores]:
            return self._ask(table, places, count, run, deadline)

        known = self._known = self._known or self._learned(ask)
        scores = self._scores(raw)
        predicted = plain_values(dense(raw["predict"])) if "predict" in self.needs else None
        chosen = [each.places(labels_of(predicted, at, len(scores))) for at, each in enumerate(scores)]
        own = [each.numbers[np.arange(len(at)), at] for each, at in zip(scores, chosen, strict=True)]
        rows = Rows(joined([known.values, values]), len(own[0]), chosen, own)
        explained = self._by_columns(ask, known, rows) or self._by_mixtures(ask, known, rows)
        check(explained)
        return explained

    def _by_mixtures(self, ask: Ask, known: Background, rows: Rows) -> list[Explained]:
        """Of any model."""
        plan, first = plan_of(self._columns, len(self._rows)), len(self._rows)
        wanted = len(plan.kept)

        def places(mixtures: np.ndarray) -> np.ndarray:
            row, which = np.divmod(mixtures, wanted)
            return np.where(plan.kept[which], first + row[:, None], plan.background[which][:, None])

        asked = ask(rows.table, places, rows.count * wanted) if wanted else known.scores  # of one column
        explained = []
        for target, scores in enumerate(asked):
            chosen, own = rows.chosen[target], rows.own[target]
            answers = scores.numbers[: rows.count * wanted].reshape(rows.count, wanted, scores.numbers.shape[1])
            ofs = known.scores[target].numbers[: plan.rows, chosen].T  # [rows, background rows]
            found = [plan.values(answers[row, :, at], own[row], ofs[row]) for row, at in enumerate(chosen.tolist())]
            contributions, errors = (np.array(each) for each in zip(*found, strict=True))
            explained.append(
                Explained(
                    scores.target,
                    scores.labels_at(chosen),
                    own,
                    ofs.mean(axis=1),
                    contributions,
                    errors,
                    plan.method,
                    plan.rows,
                )
            )
        return explained

    def _by_columns(self, ask: Ask, known: Background, rows: Rows) -> list[Explained] | None:
        """Of a sum of functions of single columns; None where the model is none, or an answer says that it is none."""
        if known.offsets is None:
            return None
        explained = []
        own_places = len(self._rows) + np.arange(rows.count)
        for target, scores in enumerate(
            ask(rows.table, one_cell(own_places, self._columns), rows.count * self._columns)
        ):
            chosen, own = rows.chosen[target], rows.own[target]
            moved = scores.numbers.reshape(rows.count, self._columns, -1)[np.arange(rows.count), :, chosen]
            contributions = moved - known.offsets[target][:, chosen].T
            base = known.scores[target].numbers.mean(axis=0)[chosen]
            gap = np.abs(own - base - contributions.sum(axis=1))
            if not (gap <= GAP * (np.abs(own) + np.abs(contributions).sum(axis=1))).all():
                return None
            errors, used = np.zeros(contributions.shape), len(self._rows)
            labels = scores.labels_at(chosen)
            explained.append(Explained(scores.target, labels, own, base, contributions, errors, CLOSED_FORM, used))
        return explained

    def _learned(self, ask: Ask) -> Background:
        values, count = joined([self._plan.read(self._rows).values]), len(self._rows)
        scores = ask(values, lambda rows: np.repeat(rows[:, None], self._columns, axis=1), count)
        if not self.additive:
            return Background(values, scores, None)
        moved = ask(values, one_cell(np.arange(count), self._columns), count * self._columns)
        means = [each.numbers.reshape(count, self._columns, -1).mean(axis=0) for each in moved]
        return Background(values, scores, means)

    def _ask(self, table: Any, places: Places, count: int, run: Run, deadline: float | None) -> list[Scores]:
        """What the model answers for so many mixtures of a table's rows, in as few calls as their size allows."""
        size, parts = max(1, min(AT_ONCE, CELLS // self._columns)), []
        for start in range(0, count, size):
            if deadline is not None and perf_counter() > deadline:
                raise DeadlineExceeded("the request's deadline passed before its explanation was complete")
            some = places(np.arange(start, min(start + size, count)))
            mixtures = mixed(table, some, self._plan.places, sparse=self._plan.container == "sparse")
            try:
                parts.append(self._scores(run(mixtures, len(some), [self.measured])))
            except ServiceError:
                raise
            except Exception as error:  # the user's model may raise anything
                log.exception("the model raised for a mixture of two rows")
                raise PredictionFailed("the model failed on a row with some cells of a background row") from error
        return [
            Scores(same[0].target, np.concatenate([each.numbers for each in same]), same[0].labels)
            for same in zip(*parts, strict=True)
        ]

    def _scores(self, raw: Mapping[str, Any]) -> list[Scores]:
        return scores_of(self._outputs[self.measured], raw[self.measured], by_class=self.by_class)


def labels_of(predicted: list[Any] | None, target: int, targets: int) -> list[Any] | None:
    """The predicted labels of one target. predicted: a label a row, or a list of one for each target."""
    return predicted if predicted is None or targets == 1 else [row[target] for row in predicted]


def one_cell(rows: np.ndarray, columns: int) -> Places:
    """Mixtures of the first background row with one cell of another row, `columns` of them for each of these rows."""

    def places(mixtures: np.ndarray) -> np.ndarray:
        row, column = np.divmod(mixtures, columns)
        found = np.zeros((len(mixtures), columns), dtype=np.intp)
        found[np.arange(len(mixtures)), column] = rows[row]
        return found

    return places


def check(explained: list[Explained]) -> None:
    """Raises InvalidParameters where a number is NaN or infinite: then nothing adds up."""
    for one in explained:
        finite = np.isfinite(one.value) & np.isfinite(one.base) & np.isfinite(one.contributions).all(axis=1)
        if not finite.all():
            row = int(np.flatnonzero(~finite)[0])
            said = "the model's answer for it, or for it with some cells of a background row, is NaN or infinite"
            raise InvalidParameters.naming([{"message": f"outputs: row {row} cannot be explained: {said}"}])

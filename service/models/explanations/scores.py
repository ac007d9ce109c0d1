"""The numbers of a model's answer that an explanation is about.

scores = scores_of(outputs["predict_proba"], raw["predict_proba"], by_class=True)
scores[0].numbers, scores[0].labels       # [rows, classes], ["no", "yes"]: of the first target
scores[0].places(predicted)               # [rows]: which class of each row is explained
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..tables.plain_values import label_key

__all__ = ["Scores", "scores_of"]


class Scores(NamedTuple):
    """Of one target. target: its name, None where it is the only one. numbers: float64 [rows, classes], or [rows, 1].

    labels: of the classes; None where the numbers are no scores of classes.
    """

    target: str | None
    numbers: np.ndarray
    labels: list[str] | None

    def places(self, predicted: list[Any] | None) -> np.ndarray:
        """[rows]: the column of each row's predicted class; of its largest score where that is not told.

        predicted: the label of each row.
        """
        largest = self.numbers.argmax(axis=1)
        if predicted is None or self.labels is None:
            return largest
        known = {label: place for place, label in enumerate(self.labels)}
        return np.array(
            [known.get(label_key(label), place) for label, place in zip(predicted, largest.tolist(), strict=True)]
        )

    def labels_at(self, places: np.ndarray) -> list[str] | None:
        return None if self.labels is None else [self.labels[place] for place in places.tolist()]


def scores_of(output: Any, raw: Any, *, by_class: bool) -> list[Scores]:
    """What a method returned, target by target. by_class: whether a target has a score for each of its classes."""
    parts = [(target, np.asarray(values, dtype=np.float64), labels) for target, values, labels in output.arrays(raw)]
    if by_class:
        return [
            Scores(target, numbers, labels or list(map(str, range(numbers.shape[1]))))
            for target, numbers, labels in parts
        ]
    ((_, numbers, names),) = parts
    if numbers.ndim == 1:
        return [Scores(None, numbers[:, None], None)]
    names = names or [f"y{place}" for place in range(numbers.shape[1])]
    return [Scores(name, numbers[:, [place]], None) for place, name in enumerate(names)]

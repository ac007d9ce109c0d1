"""Shapley values of a row against background rows: which mixtures of the two to ask a model for, and what follows.

    plan = plan_of(columns=30, background=100)
    plan.method                     # "permutations"
    plan.kept                       # bool [mixtures, columns]: the cells that are the row's own
    plan.background                 # int [mixtures]: the background row that has the others
    plan.values(answers, own, ofs)  # contributions and their standard errors, both [columns]

This module knows numbers alone. The value of a coalition of columns is the mean, over the background rows, of the
answer for the row with its own cells in these columns and the background row's in the others: the game of Štrumbelj and
Kononenko (2014), which `shap` calls interventional. Up to SMALL columns all coalitions are asked for. For more of them
a column's value is estimated from permutations, each with its reverse (Mitchell et al., "Sampling permutations for
Shapley value estimation", 2022). Each background row has the same number of permutations, so the answers' differences
between background rows do not add to the error. The contributions of each permutation add up, hence so do their means.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["ALL", "PERMUTATIONS", "SMALL", "Plan", "plan_of"]

SMALL = 6  # columns: 62 mixtures a background row, where the pairs of permutations of 30 columns are 116
PAIRS = 2  # of permutations a background row: the fewest whose spread tells the error
MOST = 50_000  # mixtures a row: of a wide table fewer background rows are used
ALL, PERMUTATIONS = "all coalitions", "permutations"  # methods


@dataclass(frozen=True)
class Plan(ABC):
    """kept: bool [mixtures, columns]. background: int [mixtures]. rows: how many background rows are used."""

    kept: np.ndarray
    background: np.ndarray
    rows: int

    method = ""

    @abstractmethod
    def values(self, answers: np.ndarray, own: float, ofs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(contributions, standard errors), float64 [columns].

        answers: [mixtures]. own: for the row itself. ofs: [rows], for the background rows. The contributions add up to
        `own - ofs.mean()`.
        """


class AllCoalitions(Plan):
    method = ALL

    def values(self, answers: np.ndarray, own: float, ofs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = self.kept.shape[1]
        worth = np.concatenate([[ofs.mean()], answers.reshape(self.rows, -1).mean(axis=0), [own]])
        sets = np.arange(2**columns)
        sizes = np.array([each.bit_count() for each in sets.tolist()])
        weights = np.array([1 / (columns * math.comb(columns - 1, size)) for size in range(columns)])
        values = np.empty(columns)
        for column in range(columns):
            without = sets[(sets >> column) & 1 == 0]
            values[column] = weights[sizes[without]] @ (worth[without | (1 << column)] - worth[without])
        return values, np.zeros(columns)


@dataclass(frozen=True)
class Permutations(Plan):
    """ranks: int [rows, PAIRS, columns], when each column joins."""

    ranks: np.ndarray

    method = PERMUTATIONS

    def values(self, answers: np.ndarray, own: float, ofs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, pairs, columns = self.ranks.shape
        # [rows, pairs, forth and back, coalitions]: those that a permutation goes through, from none to all columns;
        # on the way back what is kept and what is not have changed places.
        worth = np.empty((rows, pairs, 2, columns + 1))
        worth[..., 1:-1] = answers.reshape(rows, pairs, 2, columns - 1)
        worth[:, :, 0, 0] = worth[:, :, 1, -1] = ofs[:, None]
        worth[:, :, 0, -1] = worth[:, :, 1, 0] = own
        steps = np.diff(worth, axis=-1)
        by_rank = (steps[:, :, 0] - steps[:, :, 1]) / 2
        gains = np.take_along_axis(by_rank, self.ranks, axis=-1)  # [rows, pairs, columns]
        spread = gains.var(axis=1, ddof=1) / pairs
        return gains.mean(axis=(0, 1)), np.sqrt(spread.sum(axis=0)) / rows


@lru_cache(maxsize=8)
def plan_of(columns: int, background: int, seed: int = 0) -> Plan:
    """The mixtures to ask for. background: how many background rows there are; the first of them are used."""
    if columns <= SMALL:
        sets = np.arange(1, 2**columns - 1)[:, None]
        kept = (sets >> np.arange(columns)) & 1 == 1
        return AllCoalitions(np.tile(kept, (background, 1)), np.repeat(np.arange(background), len(kept)), background)
    rows = max(1, min(background, MOST // (2 * PAIRS * (columns - 1))))
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(columns), (rows, PAIRS, 1)), axis=-1)
    ranks = np.argsort(orders, axis=-1)
    forth = ranks[:, :, None, :] < np.arange(1, columns)[:, None]  # [rows, pairs, coalitions, columns]
    kept = np.stack([forth, ~forth], axis=2).reshape(-1, columns)
    return Permutations(kept, np.repeat(np.arange(rows), len(kept) // rows), rows, ranks)

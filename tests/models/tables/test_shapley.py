"""Shapley values against their definition: the mean, over all orders, of what a column adds when it joins."""

from itertools import permutations

import numpy as np
import pytest

from service.models.tables.shapley import ALL, PERMUTATIONS, SMALL, plan_of


def game(rows):
    """Sums, products, and a threshold."""
    return 3 * rows[:, 0] + rows[:, 1] * rows[:, 2] + np.where(rows[:, 3] > 0, rows[:, 0], -1.0) + rows[:, -1] ** 3


def asked(plan, row, background):
    """What the game answers for the mixtures of a plan."""
    return game(np.where(plan.kept, row, background[plan.background]))


def by_definition(row, background):
    columns = len(row)
    values, orders = np.zeros(columns), list(permutations(range(columns)))
    for order in orders:
        mixtures = background.copy()
        before = game(mixtures).mean()
        for column in order:
            mixtures[:, column] = row[column]
            after = game(mixtures).mean()
            values[column] += after - before
            before = after
    return values / len(orders)


def drawn(columns, rows=5):
    rng = np.random.default_rng(columns)
    return rng.normal(size=columns), rng.normal(size=(rows, columns))


@pytest.mark.parametrize("columns", [4, SMALL])
def test_a_few_columns_are_exact(columns):
    row, background = drawn(columns)
    plan = plan_of(columns, len(background))
    own, ofs = game(row[None])[0], game(background)
    values, errors = plan.values(asked(plan, row, background), own, ofs)
    assert plan.method == ALL
    assert not errors.any()
    assert values == pytest.approx(by_definition(row, background), abs=1e-12)


def test_one_column_adds_all_the_difference():
    plan = plan_of(1, 3)
    values, errors = plan.values(np.empty(0), 5.0, np.array([1.0, 2.0, 3.0]))
    assert (values.tolist(), errors.tolist(), len(plan.kept)) == ([3.0], [0.0], 0)


def test_permutations_are_within_the_errors_that_they_tell():
    """Of 200 seeds: the mean is the exact value, and the errors told are those that are made."""
    row, background = drawn(SMALL + 1)
    exact, own, ofs = by_definition(row, background), game(row[None])[0], game(background)
    found, told = [], []
    for seed in range(200):
        plan = plan_of(SMALL + 1, len(background), seed)
        values, errors = plan.values(asked(plan, row, background), own, ofs)
        assert plan.method == PERMUTATIONS
        assert values.sum() == pytest.approx(own - ofs.mean(), abs=1e-9)
        found.append(values)
        told.append(errors)
    spread, told = np.std(found, axis=0), np.sqrt(np.mean(np.square(told), axis=0))
    assert spread == pytest.approx(told, rel=0.25, abs=1e-12)
    assert (np.abs(np.mean(found, axis=0) - exact) < 4 * told / np.sqrt(200) + 1e-12).all()


def test_what_adds_up_by_itself_has_no_error():
    """A plan that takes the differences between background rows for errors tells a tenth of their spread."""
    rng = np.random.default_rng(0)
    background, row = rng.normal(size=(50, 12)), np.ones(12)
    plan = plan_of(12, 50)
    answers = np.where(plan.kept, row, background[plan.background]).sum(axis=1)
    values, errors = plan.values(answers, 12.0, background.sum(axis=1))
    assert values == pytest.approx(1 - background.mean(axis=0), abs=1e-12)
    assert errors.max() < 1e-12


def test_wide_tables_use_fewer_background_rows():
    plan = plan_of(1000, 100)
    assert plan.rows == 12
    assert len(plan.kept) <= 50_000


def test_the_same_request_is_asked_the_same_mixtures():
    assert (plan_of(30, 100).kept == plan_of.__wrapped__(30, 100).kept).all()

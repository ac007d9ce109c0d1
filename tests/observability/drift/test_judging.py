"""The bounds of drift: nothing by chance, and what is there."""

import numpy as np
import pytest

from service.observability.drift.judging import judge, stability, unlikely
from service.observability.drift.profile import Bins, Feature, of_numbers, of_places, of_presence


def test_bins_of_numbers_hold_equal_shares_and_end_between_numbers():
    feature = of_numbers("x", np.arange(100.0))
    assert feature.counts == [10] * 10
    assert feature.edges == [9.5 + 10 * place for place in range(9)]
    assert (feature.lowest, feature.highest, feature.missing) == (0.0, 99.0, 0)
    assert feature.labels[:2] == ["up to 9.5", "9.5 to 19.5"]
    assert feature.labels[-1] == "above 89.5"


def test_few_distinct_numbers_have_a_bin_each():
    feature = of_numbers("x", np.array([0.0] * 90 + [1.0] * 6 + [2.0] * 3 + [np.nan, np.inf]))
    assert feature.counts == [90, 6, 3]
    assert feature.labels == ["0", "1", "2"]
    assert feature.missing == 1


def test_a_number_that_fills_several_bins_is_one():
    feature = of_numbers("x", np.concatenate([np.zeros(500), np.arange(1.0, 501.0)]))
    assert sum(feature.counts) == 1000
    assert feature.counts[0] == 500
    assert 6 <= len(feature.counts) <= 7


@pytest.mark.parametrize("values", [[], [np.nan], [3.0], [3.0, 3.0]])
def test_columns_with_no_or_one_number(values):
    feature = of_numbers("x", np.array(values))
    counts = Bins([feature]).count(np.array(values).reshape(-1, 1))
    assert counts.sum() == len(values)
    assert Feature.from_json(feature.to_json()) == feature


def test_rare_categories_share_a_bin():
    places = np.array([2] * 500 + [0] * 490 + [1] * 3 + [3] * 4 + [4, 4, 5])  # 4: missing, 5: unknown
    feature = of_places("city", places, ["Oslo", "Rome", "Bern", "Lima"])
    assert feature.labels == ["Bern", "Oslo", "others"]
    assert feature.counts == [500, 490, 7]
    assert (feature.missing, feature.strange) == (2, 1)
    counts = Bins([feature]).count(places[:, None].astype(float))
    assert counts.tolist() == [2, 1, 500, 490, 7]


def test_each_cell_is_counted_where_it_belongs():
    age = of_numbers("age", np.arange(100.0))
    since = of_presence("since", np.array([False] * 9 + [True]))
    counts = Bins([age, since]).count(np.array([[5.0, 0.0], [-1.0, np.nan], [np.nan, 0.0], [200.0, 0.0]]))
    assert counts.tolist() == [1, 2, 2, *[0] * 8, 1, 1, 0, 3]


def test_psi_is_the_sum_over_the_bins():
    psi, _ = stability(np.array([8000, 2000]), np.array([5000, 5000]))
    assert psi == pytest.approx(0.3 * np.log(8 / 5) - 0.3 * np.log(2 / 5), rel=1e-3)


@pytest.mark.parametrize("rows", [200, 1000, 10_000])
@pytest.mark.parametrize("sample", [100, 1000, 20_000])
def test_samples_of_one_distribution_stay_within_the_bound(rows, sample):
    rng = np.random.default_rng(rows + sample)
    for _ in range(100):
        feature = of_numbers("x", rng.normal(size=sample))
        psi, allowed = stability(Bins([feature]).count(rng.normal(size=(rows, 1)))[2:], np.array(feature.counts))
        assert psi <= allowed


@pytest.mark.parametrize(
    ("found", "rows", "seen", "sample", "expected"),
    [
        (50, 1000, 0, 569, True),
        (10, 1000, 0, 569, False),
        (20, 1000, 20, 1000, False),
        (0, 1000, 200, 1000, True),  # fewer than in the sample
        (1000, 1000, 1000, 1000, False),
        (0, 1000, 1000, 1000, True),
        (200, 200, 3, 5, False),  # nobody knows what five rows stand for
    ],
)
def test_shares_beyond_chance(found, rows, seen, sample, expected):
    assert unlikely(found, rows, seen, sample) is expected


def test_what_has_drifted_most_comes_first_and_numbers_of_outputs_are_only_shown():
    sample = np.random.default_rng(0).normal(size=1000)
    bins = Bins([of_numbers(name, sample) for name in ("still", "shifted", "predict_proba")])
    rows = np.random.default_rng(1).normal([0, 1, 5], size=(1000, 3))
    findings = judge(bins, bins.count(rows), of_outputs=2)
    assert [found.feature.name for found in findings] == ["shifted", "predict_proba", "still"]
    assert [bool(found.reasons) for found in findings] == [True, False, False]
    assert findings[1].psi > 2

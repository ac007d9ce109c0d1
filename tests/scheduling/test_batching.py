"""Calls that share a prediction: when they do, that rows are never mixed up, and that a bad one hurts only itself."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.support.serving import eventually
from service.capabilities import TableCall
from service.models.tables.plain_values import dense
from service.packing import pack
from service.predictor import Predictor
from service.scheduling.batching import LARGEST, SMALL, Batched, Results, alike, batched
from service.settings import Settings
from service.web.context import RequestContext

METHODS = ("predict",)
HOLD = -1.0  # a row of this value waits in the runtime until the test lets it go
BAD = np.inf


class Sums:
    """A runtime: each row's sum. It notes how many rows came together, and can be held."""

    def __init__(self):
        self.calls = []
        self.go = threading.Event()

    def run(self, X, methods):
        self.calls.append(len(X))
        if (X == HOLD).any():
            assert self.go.wait(10)
        if np.isinf(X).any():
            raise ValueError("infinity in the rows")
        return {method: self.answer(X) for method in methods}

    def answer(self, X):
        return X.sum(axis=1)


class ByTarget(Sums):
    def answer(self, X):
        return [X[:, :1], X[:, 1:]]


class Sparse(Sums):
    def answer(self, X):
        return sparse.csr_matrix(X)


class Frame(Sums):
    def answer(self, X):
        return pd.DataFrame(X, columns=["a", "b"])


def rows(*values):
    return np.array([[value, 10.0 * value] for value in values], dtype=float)


@pytest.fixture
def held():
    """(the runtime, batched; a function that runs tables while a call holds it and gives their futures, done)."""
    return holding(Sums())


def holding(runtime):
    shared = Batched(runtime)

    def together(*tables, methods=METHODS):
        methods = methods if isinstance(methods, list) else [methods] * len(tables)
        with ThreadPoolExecutor(len(tables) + 1) as pool:
            first = pool.submit(shared.run, rows(HOLD), METHODS)
            eventually(lambda: runtime.calls, what="the first call")
            found = []
            for place, (table, names) in enumerate(zip(tables, methods, strict=True)):
                found.append(pool.submit(shared.run, table, names))
                eventually(lambda place=place: shared.waiting == place + 1, what="the next one waiting")
            runtime.go.set()
        assert first.result()["predict"] is not None
        return found

    return runtime, together


def test_an_idle_model_is_never_waited_for():
    runtime = Sums()
    answer = Batched(runtime).run(rows(1, 2), METHODS)
    assert answer["predict"].tolist() == [11, 22]
    assert not isinstance(answer, Results)
    assert runtime.calls == [2]


def test_those_that_wait_go_together_and_each_gets_its_own_rows(held):
    runtime, together = held
    found = together(rows(1), rows(2, 3), rows(4))
    assert [one.result()["predict"].tolist() for one in found] == [[11], [22, 33], [44]]
    assert runtime.calls == [1, 4]
    assert all(one.result().queued > 0 for one in found)


def test_a_failing_row_hurts_nobody_else(held):
    runtime, together = held
    good, bad, other = together(rows(1), rows(BAD), rows(2))
    assert (good.result()["predict"].tolist(), other.result()["predict"].tolist()) == ([11], [22])
    with pytest.raises(ValueError, match="infinity"):
        bad.result()
    assert runtime.calls == [1, 3, 1, 1, 1]


def test_the_model_works_on_after_failures(held):
    runtime, together = held
    for one in together(rows(BAD), rows(BAD)):
        with pytest.raises(ValueError, match="infinity"):
            one.result()
    shared = Batched(runtime)
    with pytest.raises(ValueError, match="infinity"):
        shared.run(rows(BAD), METHODS)
    assert shared.run(rows(1), METHODS)["predict"].tolist() == [11]


def test_only_calls_of_one_kind_share():
    """Another choice of outputs, dtype or width is another call, and waits for nobody of the first kind."""
    runtime = Sums()
    shared = Batched(runtime)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(shared.run, rows(HOLD), METHODS)
        eventually(lambda: runtime.calls, what="the first call")
        assert shared.run(rows(1), ("transform",))["transform"].tolist() == [11]
        assert shared.run(rows(1).astype(np.float32), METHODS)["predict"].tolist() == [11]
        assert shared.run(np.ones((1, 3)), METHODS)["predict"].tolist() == [3]
        assert shared.run(np.ones((SMALL + 1, 2)), METHODS)["predict"].shape == (SMALL + 1,)  # large: by itself
        runtime.go.set()
    assert first.result()["predict"].tolist() == [11 * HOLD]


def test_a_batch_has_an_end(held):
    runtime, together = held
    tables = [np.full((SMALL, 2), float(number)) for number in range(2 * LARGEST // SMALL + 1)]
    for number, one in enumerate(together(*tables)):
        assert one.result()["predict"].tolist() == [2 * number] * SMALL
    assert runtime.calls == [1, LARGEST, LARGEST, SMALL]


@pytest.mark.parametrize("kind", [ByTarget, Sparse, Frame])
def test_whatever_a_method_returns_is_cut_by_rows(kind):
    _, together = holding(kind())
    wanted = [kind().answer(rows(1)), kind().answer(rows(2, 3))]
    for found, right in zip(together(rows(1), rows(2, 3)), wanted, strict=True):
        assert values(found.result()["predict"]) == values(right)


def values(raw):
    return [dense(one).tolist() for one in (raw if isinstance(raw, list) else [raw])]


def test_many_threads_never_get_each_other_s_rows():
    shared = Batched(Sums())

    def ask(number):
        table = rows(*range(number, number + 1 + number % 3))
        return (shared.run(table, METHODS)["predict"] == table.sum(axis=1)).all()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(3000)))
    assert shared.waiting == 0


class Steady(Sums):
    """A millisecond a call, whatever it holds."""

    def answer(self, X):
        threading.Event().wait(0.001)
        return super().answer(X)


class ByRow(Sums):
    """A millisecond a row."""

    def answer(self, X):
        threading.Event().wait(0.001 * len(X))
        return super().answer(X)


class Neighbourly(Steady):
    """Answers by what the other rows are."""

    def answer(self, X):
        return super().answer(X) - X.mean()


class Summary(Steady):
    """One answer for all rows."""

    def answer(self, X):
        return super().answer(X)[:1]


@pytest.mark.parametrize(
    ("kind", "wanted"), [(Steady, True), (ByRow, False), (Sums, False), (Neighbourly, False), (Summary, False)]
)
def test_it_is_measured_and_tried_whether_sharing_pays(kind, wanted):
    runtime, X = kind(), rows(1, 2, 3)
    assert (alike(runtime, X, METHODS) and isinstance(batched(runtime, X, METHODS), Batched)) is wanted


def test_a_loaded_model_shares_calls_and_says_how_long_they_waited(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    pack(KNeighborsClassifier(algorithm="brute").fit(X, y), X, y, name="iris", store=tmp_path, runtime="sklearn")
    predictor = Predictor(Settings(store=tmp_path, threads=10))  # two more than ask
    predictor.load()
    model = predictor.find("iris")
    table = X.values.tolist()
    alone = model.predict(table, ["predict", "predict_proba"]).outputs
    model.runtime = Batched(getattr(model.runtime, "runtime", model.runtime))

    def ask(place):
        answer = predictor.run(model, TableCall([table[place]], ["predict", "predict_proba"]), RequestContext())
        assert answer.outputs["predict"] == [alone["predict"][place]]
        assert answer.outputs["predict_proba"] == [pytest.approx(alone["predict_proba"][place])]
        return answer.seconds["queue"]

    with ThreadPoolExecutor(8) as pool:
        queued = list(pool.map(ask, list(range(len(table))) * 3))
    assert min(queued) == 0 < max(queued)


def test_one_thread_has_nobody_to_share_with(tmp_path):
    X, y = load_iris(return_X_y=True)
    pack(DecisionTreeClassifier().fit(X, y), X, y, name="iris", store=tmp_path)
    predictor = Predictor(Settings(store=tmp_path, threads=1))
    predictor.load()
    assert not isinstance(predictor.find("iris").runtime, Batched)

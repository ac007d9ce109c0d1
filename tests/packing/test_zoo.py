"""Every animal of the zoo, packed and served by name: over HTTP it answers what it answers in process.

One live server holds them all. What is expected is worked out here from the estimator alone.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import requests

from benchmarks.support.serving import live_server
from service.packing import pack
from tests.support.tables import records
from tests.support.zoo import OTHERS, animals, missing

METHODS = ("predict", "transform", "predict_proba", "decision_function")
ROWS_ALONE = 4


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """(every animal, the store it was packed into)."""
    store = tmp_path_factory.mktemp("zoo")
    kept = []
    for animal in animals():
        version = pack(animal.estimator, animal.X, animal.y, name=animal.name, store=store)
        promised = version.manifest.spec["runtime"].get("tolerance", 0.0)  # where it was compiled
        kept.append(replace(animal, tolerance=max(animal.tolerance, promised)))
    return kept, store


@pytest.fixture(scope="module")
def call(zoo):
    """A function that posts instances to a model over one kept connection and gives the answer's JSON."""
    with live_server(zoo[1]) as url, requests.Session() as session:

        def post(name, **body):
            answer = session.post(f"{url}/v1/models/{name}:predict", json=body, timeout=60)
            assert answer.status_code == 200, answer.text[:2000]
            return answer.json()

        post.described = lambda name: session.get(f"{url}/v1/models/{name}", timeout=60).json()
        yield post


def test_the_zoo_is_large_enough(zoo):
    kept, _ = zoo
    assert len({animal.name for animal in kept}) == len(kept) >= 32
    assert {type(animal.X) for animal in kept} >= {pd.DataFrame, pd.Series, np.ndarray}


@pytest.mark.parametrize("library", OTHERS)
def test_estimators_of_other_libraries_are_in_the_zoo(zoo, library):
    reason = missing(library)
    if reason:
        pytest.skip(reason)
    assert [animal for animal in zoo[0] if type(animal.estimator).__module__.startswith(library)]


def test_every_method_of_every_animal_is_served(zoo, call, subtests):
    for animal in zoo[0]:
        with subtests.test(animal.name):
            described = call.described(animal.name)
            assert list(described["outputs"]) == methods(animal.estimator)
            assert all(note.startswith("the model never reads ") for note in described["notes"])


def test_one_row_at_a_time(zoo, call, subtests):
    for animal in zoo[0]:
        with subtests.test(animal.name):
            for place in range(ROWS_ALONE):
                rows = animal.X[place : place + 1]
                answer = call(animal.name, instances=records(rows), outputs=methods(animal.estimator))
                check(answer, animal, rows)


@pytest.mark.parametrize("form", ["objects", "lists", "columns"])
def test_all_rows_at_once(zoo, call, subtests, form):
    for animal in zoo[0]:
        with subtests.test(animal.name):
            body = {"objects": objects, "lists": lists, "columns": columns}[form](animal.X)
            check(call(animal.name, **body, outputs=methods(animal.estimator)), animal, animal.X)


def objects(X):
    return {"instances": records(X)}


def lists(X):
    return {"instances": [list(row.values()) for row in records(X)]}


def columns(X):
    rows = records(X)
    return {"inputs": {name: [row[name] for row in rows] for name in rows[0]}}


def methods(estimator):
    return [method for method in METHODS if hasattr(estimator, method)]


def check(answer, animal, rows):
    """Compare an answer with what the estimator gives for the same rows; the first difference is told."""
    for method in methods(animal.estimator):
        found, wanted = answer["outputs"][method], expected(animal, method, rows)
        assert len(found) == len(wanted) == len(rows)
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert equal(one, other, animal.tolerance), f"{method}, row {place}: {one} is not {other}"
    assert answer["predictions"] == answer["outputs"][methods(animal.estimator)[0]]
    assert "warnings" not in answer


def expected(animal, method, rows):
    """What the estimator itself says: a plain value a row."""
    raw = getattr(animal.estimator, method)(rows)
    classes = getattr(animal.estimator, "classes_", None)
    several = np.ndim(raw) == 2 and method != "transform" and animal.estimator.predict(rows).shape == raw.shape
    if several:  # targets, which have names
        return [dict(zip(animal.y.columns, row, strict=True)) for row in listed(raw)]
    if method == "decision_function" and np.ndim(raw) == 2 and raw.shape[1] == len(classes):
        return keyed(raw, classes)
    if method != "predict_proba" or classes is None:
        return listed(raw)
    if isinstance(raw, list):  # several targets: an array each
        by_target = [keyed(one, labels) for one, labels in zip(raw, classes, strict=True)]
        return [dict(zip(animal.y.columns, row, strict=True)) for row in zip(*by_target, strict=True)]
    return keyed(raw, classes)


def keyed(raw, labels):
    keys = [str(label).lower() if isinstance(label, np.bool_) else str(label) for label in labels]
    return [dict(zip(keys, row, strict=True)) for row in listed(raw)]


def listed(raw):
    raw = raw.toarray() if hasattr(raw, "toarray") else np.asarray(raw)
    return raw.tolist()


def equal(found, wanted, tolerance):
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(equal(found[key], wanted[key], tolerance) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(equal(*pair, tolerance) for pair in zip(found, wanted, strict=True))
    if isinstance(wanted, float) and math.isnan(wanted):
        return found is None
    if isinstance(wanted, float) and tolerance:
        return math.isclose(found, wanted, rel_tol=tolerance, abs_tol=tolerance)
    return type(found) is type(wanted) and found == wanted

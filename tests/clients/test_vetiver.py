"""Vetiver's own client against the article's /predict: the same rows, the same frame back, its column named `text`.

Vetiver's server would name the column `predict`; the article's contract fixes `text`, and it wins.
"""

import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from benchmarks.support.serving import live_server
from service.packing import pack
from tests.clients.driving import drive

X, Y = load_iris(return_X_y=True, as_frame=True)
ESTIMATOR = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, Y)
ROWS = X[::30].reset_index(drop=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the tour printed: {stop: result}."""
    store = tmp_path_factory.mktemp("vetiver")
    pack(ESTIMATOR, X, Y, name="iris", store=store)
    with live_server(store) as url:
        return drive("vetiver", url, {"iris": ROWS.to_dict("list")})


def test_every_kind_of_table_comes_back_as_a_frame(found):
    wanted = ESTIMATOR.predict(ROWS).tolist()
    assert found["frame"] == found["records"] == {"text": wanted}
    assert found["series"] == found["dict"] == {"text": wanted[:1]}


def test_what_is_wrong_is_shown(found):
    assert "sepal length (cm)" in found["lacking"]
    assert "invalid_instances" in found["lacking"]

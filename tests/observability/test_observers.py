"""Observers are told of each answer on every way that a request takes, and of rows that were refused."""

import numpy as np
import pytest

from service.app import create_app
from service.settings import Settings
from tests.support.ways import NativeClient, OnlyFastPath, OnlyFlask, rewired

ROW = [5.1, 3.5, 1.4, 0.2]
V1 = "/v1/models/iris:predict"


class Notes:
    """An observer that keeps what it is told."""

    def __init__(self):
        self.answers, self.refusals = [], []

    def answered(self, model, call, answer, context):
        self.answers.append((model.name, answer, context.id))

    def refused(self, model, call, error):
        self.refusals.append((model.name, call.instances, error.details))


@pytest.fixture(params=["flask", "fast", "native"])
def asked(request, tabular_store):
    """(post(body), the notes of an observer) on each way of a request to its answer."""
    settings, notes = Settings(store=tabular_store), Notes()
    app = create_app(settings)
    app.extensions["daylight"].predictor.observers = (notes,)
    ways = {"flask": OnlyFlask, "fast": OnlyFastPath}
    client = rewired(app, ways[request.param], settings).test_client() if request.param in ways else NativeClient(app)
    return lambda body: client.post(V1, json=body, headers={"X-Request-ID": "mine"}), notes


def test_an_answer_holds_the_rows_and_the_outputs(asked):
    post, notes = asked
    assert post({"instances": [ROW, ROW]}).status_code == 200
    ((name, answer, id),) = notes.answers
    assert (name, id) == ("iris", "mine")
    assert answer.table.rows == 2
    np.testing.assert_array_equal(answer.table.values, [ROW, ROW])
    assert answer.outputs == {"predict": ["setosa", "setosa"]}
    assert not notes.refusals


def test_requests_that_share_a_call_are_told_one_by_one(tabular_store):
    app, notes = create_app(Settings(store=tabular_store)), Notes()
    app.extensions["daylight"].predictor.observers = (notes,)
    bodies = [{"instances": [ROW]}, {"instances": [[6.7, 3.0, 5.2, 2.3], ROW]}]
    NativeClient(app).post_together([(V1, {"json": body}) for body in bodies])
    for body, (_, answer, _) in zip(bodies, notes.answers, strict=True):
        np.testing.assert_array_equal(answer.table.values, body["instances"])
        assert len(answer.outputs["predict"]) == len(body["instances"])


def test_refused_rows_are_told_with_their_cells(asked):
    post, notes = asked
    assert post({"instances": [["x", *ROW[1:]]]}).status_code == 422
    ((name, _, details),) = notes.refusals
    assert name == "iris"
    assert details[0]["got"] == '"x"'
    assert not notes.answers

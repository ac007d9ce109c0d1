"""CSV answers that hold what a spreadsheet program would compute: plain CSV is exact, escaped CSV is asked for."""

import csv
import io

import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from benchmarks.support.serving import live_server
from client import Client, InvalidRequest
from service.app import create_app
from service.packing import pack
from service.settings import Settings
from service.wire.table_formats import ANSWERS, CSV, ESCAPED_CSV, encode
from service.wire.table_formats.formulas import inert

WORDS = ["=1+1", "@SUM(A1)", "-x", "plain"]
PATH = "/v1/models/echo:predict?outputs=predict,predict_proba"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with `echo`, which predicts the word that is its column `predict`."""
    store = tmp_path_factory.mktemp("store")
    frame = pd.DataFrame({"predict": WORDS * 10})
    model = make_pipeline(make_column_transformer((OneHotEncoder(), ["predict"])), LogisticRegression(C=1000.0))
    pack(model.fit(frame, frame["predict"]), frame, frame["predict"], name="echo", store=store)
    return store


@pytest.fixture(scope="module")
def ask(store):
    client = create_app(Settings(store=store)).test_client()
    body = pd.DataFrame({"predict": WORDS}).to_csv(index=False)

    def ask(accept):
        answer = client.post(PATH, data=body, content_type=CSV, headers={"Accept": accept})
        assert answer.status_code == 200
        header, *rows = csv.reader(io.StringIO(answer.text))
        return answer.content_type, dict(zip(header, zip(*rows, strict=True), strict=True))

    return ask


FORMULAS = ["=1+1", "+a", "-a", "@a", "\ta", "\ra", "\na", "=", "-", "-1-1", "+1 (555)", "-inf", "\uff1d1"]
OTHERS = ["-1.5", "+2", "-.5e-3", "-1.", "a=1", "", "'=1", " ", -1.5, -3, float("-inf"), None, True, [-1], {"=": 1}]


@pytest.mark.parametrize("cell", FORMULAS, ids=repr)
def test_texts_that_begin_like_a_formula(cell):
    assert inert(cell) == f"'{cell}"
    assert inert(inert(cell)) == inert(cell)


@pytest.mark.parametrize("cell", OTHERS, ids=repr)
def test_all_else_stays(cell):
    assert inert(cell) is cell


def test_numbers_are_the_same_in_both():
    outputs = {"decision_function": [-1.5, 2.0, None], "predict": [-1, 0, 1], "scores": [{"a": -0.5}] * 3}
    assert encode(ESCAPED_CSV, outputs) == encode(CSV, outputs)


def test_names_and_labels_that_become_alike_keep_their_columns():
    assert encode(ESCAPED_CSV, {"=a": [1], "'=a": [2]}) == b"'=a,'=a\r\n1,2\r\n"


def test_plain_csv_holds_what_json_holds(ask):
    content_type, columns = ask("text/csv")
    assert content_type == "text/csv; charset=utf-8"
    assert list(columns["predict"]) == WORDS


@pytest.mark.parametrize("accept", ["text/csv; formulas=escaped", "text/csv;formulas=escaped;charset=utf-8, */*;q=0.1"])
def test_escaped_csv_is_asked_for_and_says_so(ask, accept):
    content_type, columns = ask(accept)
    assert content_type == "text/csv; formulas=escaped; charset=utf-8"
    assert list(columns["predict"]) == ["'=1+1", "'@SUM(A1)", "'-x", "plain"]
    _, plain = ask("text/csv")
    assert [columns[name] for name in columns if name != "predict"] == [
        plain[name] for name in plain if name != "predict"
    ]


@pytest.mark.parametrize("accept", ["text/*", "*/*, text/csv", "application/json, text/csv;q=0.9"])
def test_nobody_gets_it_unasked(ask, store, accept):
    client = create_app(Settings(store=store)).test_client()
    answer = client.post(PATH, json={"instances": [["plain"]]}, headers={"Accept": accept})
    assert "formulas" not in answer.content_type


def test_it_is_a_form_of_answers_alone(store):
    client = create_app(Settings(store=store)).test_client()
    answer = client.post(PATH, data="predict\r\n=1+1\r\n", content_type=ESCAPED_CSV, headers={"Accept": "text/html"})
    assert (answer.status_code, ESCAPED_CSV in answer.json["error"]) == (406, True)
    answer = client.post(PATH, data="predict\r\n'=1+1\r\n", content_type=ESCAPED_CSV)
    assert (answer.status_code, answer.json["details"][0]["got"]) == (422, '"\'=1+1"')
    assert set(ANSWERS) >= {CSV, ESCAPED_CSV}


def test_the_client_reads_plain_csv_back_and_notices_the_other(store):
    """An answer as CSV is a table that the client can send: the words come back, and escaped words are refused."""
    words = {"predict": WORDS}
    with live_server(store) as url, Client(url) as client:
        assert list(client.predict(encode(CSV, words))) == WORDS
        with pytest.raises(InvalidRequest) as refused:
            client.predict(encode(ESCAPED_CSV, words))
    assert [fault["got"] for fault in refused.value.details] == ['"\'=1+1"', '"\'@SUM(A1)"', '"\'-x"']

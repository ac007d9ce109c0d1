"""CSV files through the client's command line, which does not parse them, to a real server with mixed columns."""

import codecs
import io
import json
import sys

import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from benchmarks.support.serving import live_server
from client import Client
from client.__main__ import main
from service.packing import pack

FRAME = pd.DataFrame(
    {
        "age": [31.5, None, 44.0, 27.0] * 5,
        "city": ["Oslo", "Rome", "Rome", "Oslo"] * 5,
        "member": [True, False, True, True] * 5,
        "visits": [1, 2, 3, 4] * 5,
    }
)
LABELS = ["no", "yes", "yes", "no"] * 5


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    columns = make_column_transformer((OneHotEncoder(), ["city"]), remainder=SimpleImputer())
    pack(make_pipeline(columns, LogisticRegression()).fit(FRAME, LABELS), FRAME, LABELS, name="mixed", store=store)
    with live_server(store) as url:
        yield url


@pytest.fixture
def predict(url, tmp_path, capsys):
    """Run `daylight-client predict` on a file with this content: (exit code, standard output, standard error)."""

    def predict(content, *options):
        path = tmp_path / "rows.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return (main(["predict", str(path), "--url", url, *options]), *capsys.readouterr())

    return predict


def test_csv_gives_the_same_answer_as_a_data_frame(url, predict):
    rows = FRAME[:4].assign(member=["true", "False", "TRUE", "True"]).to_csv(index=False, na_rep="NA")
    with Client(url) as client:
        answer = client.predict(FRAME[:4], outputs=["predict", "predict_proba"])
    code, out, _ = predict(codecs.BOM_UTF8 + rows.encode(), "--outputs", "predict,predict_proba")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {"predict": label, "predict_proba": probabilities}
        for label, probabilities in zip(answer, answer.outputs["predict_proba"], strict=True)
    ]


HEADER = "age,city,member,visits\n"


def assert_same_answer_as_json(url, predict, content, rows):
    code, out, err = predict(content, "--outputs", "predict,predict_proba")
    assert (code, err) == (0, "")
    with Client(url) as client:
        answer = client.predict(rows, outputs=["predict", "predict_proba"])
    assert [json.loads(line)["predict_proba"] for line in out.splitlines()] == answer.outputs["predict_proba"]


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "nan", "null", "NULL"])
def test_csv_spellings_of_a_missing_value(url, predict, cell):
    rows = [{"age": None, "city": "Rome", "member": None, "visits": None}]
    assert_same_answer_as_json(url, predict, f"{HEADER}{cell},Rome,{cell},{cell}\n", rows)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False)],
)
def test_csv_spellings_of_a_boolean(url, predict, cell, value):
    rows = [{"age": 31, "city": "Oslo", "member": value, "visits": 1}]
    assert_same_answer_as_json(url, predict, f"{HEADER}31,Oslo,{cell},1\n", rows)


def test_csv_cells_may_be_quoted_and_blank_lines_are_skipped(url, predict):
    rows = [{"age": age, "city": "Oslo", "member": True, "visits": 1} for age in (31, 32)]
    content = '"age","city","member","visits"\r\n"31","Oslo","true","1"\r\n\r\n32,Oslo,true,1\r\n'
    assert_same_answer_as_json(url, predict, content, rows)


def test_csv_on_standard_input_may_begin_with_a_byte_order_mark(url, capsys, monkeypatch):
    content = codecs.BOM_UTF8 + HEADER.encode() + b"31,Oslo,true,1\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert main(["predict", "-", "--url", url]) == 0
    assert capsys.readouterr() == ('"no"\n', "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "31,Oslo,TrUe,1\n", 'row 0, column "member": expected true or false or null, got "TrUe"'),
        (HEADER + "31,Oslo,1,1\n", 'row 0, column "member": expected true or false or null, got "1"'),
        (HEADER + "31,Oslo,no idea,1\n", 'row 0, column "member": expected true or false or null, got "no idea"'),
        (HEADER + "five,Oslo,true,1\n", 'row 0, column "age": expected number or null, got "five"'),
        (HEADER + "31,Oslo,true,five\n", 'row 0, column "visits": expected integer or null, got "five"'),
        (HEADER + "1_000,Oslo,true,1\n", 'row 0, column "age": expected number or null, got "1_000"'),
        (HEADER + "31,Oslo,true,1\n31,Oslo\n", "row 1: expected 4 values, as many as the header, got 2 values"),
        (HEADER + "31,Oslo,true,1,9\n", "row 0: expected 4 values, as many as the header, got 5 values"),
        ("age,age,city,member,visits\n", 'column "age": expected one column of this name, got 2'),
        (HEADER + '31,"Oslo', "the body is not CSV: line 2: unexpected end of data"),
        (HEADER.encode() + b"31,\xe9,true,1\n", "the body is not UTF-8: byte 0xe9 at offset 26"),
        (HEADER, "got a header alone"),
        (b"", "the body is empty"),
    ],
)
def test_csv_that_the_server_refuses_is_exit_code_1(predict, content, message):
    code, out, err = predict(content)
    assert (code, out) == (1, "")
    assert message in err


def test_csv_violations_are_printed_one_per_line_with_their_rows(predict):
    """The quoted line break shows that rows are counted, not lines."""
    code, out, err = predict(HEADER + '31,"Oslo, ""north""\nside",true,1\n32,Oslo,true,x\n33,Oslo,1,1\n')
    assert (code, out) == (1, "")
    first, *details = err.splitlines()
    assert first.startswith("daylight-client: 3 values are not as expected (422, invalid_instances, request ")
    assert details == [
        r'''  row 0, column 'city': expected one of "Oslo", "Rome", got "Oslo, \"north\"\nside"''',
        r'''  row 1, column 'visits': expected integer or null, got "x"''',
        r'''  row 2, column 'member': expected true or false or null, got "1"''',
    ]


def test_csv_column_that_the_model_does_not_have_is_a_warning(predict):
    code, out, err = predict("index," + HEADER + "0,31,Oslo,true,1\n")
    assert (code, out) == (0, '"no"\n')
    assert err == 'daylight-client: column "index" is not a column of this model and was ignored\n'

"""CSV, from the client's command line to the server, which alone reads it: a real server, and columns of every kind."""

import json

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
    """`daylight-client predict` on a file with this content: (exit code, standard output, standard error)."""

    def predict(content, *options):
        path = tmp_path / "rows.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return (main(["predict", str(path), "--url", url, *options]), *capsys.readouterr())

    return predict


def test_a_csv_is_answered_as_the_same_rows_in_json(url, predict):
    rows = FRAME[:4].assign(member=["true", "False", "TRUE", "True"]).to_csv(index=False, na_rep="NA")
    with Client(url) as client:
        answer = client.predict(FRAME[:4], outputs=["predict", "predict_proba"])
    code, out, _ = predict(b"\xef\xbb\xbf" + rows.encode(), "--outputs", "predict,predict_proba")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {"predict": label, "predict_proba": probabilities}
        for label, probabilities in zip(answer, answer.outputs["predict_proba"], strict=True)
    ]


HEADER = "age,city,member,visits\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "31,Oslo,TrUe,1\n", 'row 0, column "member": expected true or false or null, got "TrUe"'),
        (HEADER + "1_000,Oslo,true,1\n", 'row 0, column "age": expected number or null, got "1_000"'),
        (HEADER + "31,Oslo,true,1\n31,Oslo\n", "row 1: expected 4 values, as many as the header, got 2 values"),
        ("age,age,city,member,visits\n", 'column "age": expected one column of this name, got 2'),
        (HEADER + '31,"Oslo', "the body is not CSV: line 2: unexpected end of data"),
        (HEADER.encode() + b"31,\xe9,true,1\n", "the body is not CSV in UTF-8: byte 26 is no text"),
        (HEADER, "got a header alone"),
        (b"", "the body is empty"),
    ],
)
def test_the_server_s_refusal_of_a_csv_is_code_1(predict, content, message):
    code, out, err = predict(content)
    assert (code, out) == (1, "")
    assert message in err


def test_a_column_of_no_use_is_a_warning(predict):
    code, out, err = predict("index," + HEADER + "0,31,Oslo,true,1\n")
    assert (code, out) == (0, '"no"\n')
    assert err == 'daylight-client: column "index" is not a column of this model and was ignored\n'

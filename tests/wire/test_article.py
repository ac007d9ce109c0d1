"""The article's own calls, as its readers type them, against the real server with both demo models."""

import json
import shutil
import subprocess

import joblib
import pandas as pd
import pytest
import requests

PROMPT = "The quick brown fox jumps over"


@pytest.fixture(scope="module")
def rows(demo_store):
    """The article's table without its labels: what it posts."""
    data = pd.read_csv(demo_store / "data.csv")
    return data[data.columns.difference(["Target"])]


def test_the_client_snippet_prints_a_real_continuation(server):
    answer = requests.get(f"{server}/predict", params={"text": PROMPT}, timeout=60)
    continuation = answer.json()["Prediction"]
    assert list(answer.json()) == ["Prediction"]
    assert continuation.strip()
    assert not continuation.lower().startswith(PROMPT.lower())


def test_the_labels_are_those_of_the_pickled_classifier(server, demo_store, rows):
    wanted = joblib.load(demo_store / "classifier.pkl").predict(rows).tolist()
    assert set(wanted) == {"benign", "malignant"}
    for body in (rows.to_dict("records"), rows.to_dict("list"), {"data": rows.to_dict("records")}):
        assert requests.post(f"{server}/predict", json=body, timeout=30).json() == {"text": wanted}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")
def test_curl_with_a_row_in_a_file(server, rows, tmp_path):
    (tmp_path / "row.json").write_text(json.dumps(rows.iloc[0].to_dict()))
    command = ["curl", "--silent", "--show-error", "-d", "@row.json", f"{server}/predict"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30).stdout
    assert json.loads(printed) == {"text": ["malignant"]}


def test_the_same_seed_gives_the_same_continuation(server):
    asked = {"text": PROMPT, "max_tokens": 8, "seed": 7}
    first, second = (requests.post(f"{server}/predict", json=asked, timeout=60).json() for _ in range(2))
    assert first == second
    assert first["Prediction"]

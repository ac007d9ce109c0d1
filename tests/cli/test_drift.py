"""daylight drift: of the servers here, of one elsewhere, of files; and what it says where there is nothing to say."""

import json
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import requests
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression, LogisticRegression

from benchmarks.support.serving import eventually, live_server
from service.cli import main
from service.packing import pack

NAMES = ["age", "<pay>", "rooms"]


def rows(count, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    columns = [rng.normal(40 + shift, 10, count), rng.lognormal(size=count), rng.poisson(3, count)]
    return pd.DataFrame(dict(zip(NAMES, columns, strict=True)))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    X = rows(2000, 0)
    labels = np.where(X["age"] + X["rooms"] > 43, "old", "young")
    pack(LogisticRegression(max_iter=1000).fit(X, labels), X, labels, name="homes", store=store)
    return store


def ran(*arguments, code=0):
    found = CliRunner().invoke(main, ["drift", *map(str, arguments)])
    assert found.exit_code == code, found.output
    return found.output


def test_rows_of_a_file(store, tmp_path):
    rows(3000, 1).to_csv(tmp_path / "same.csv", index=False)
    assert "3,000 rows, version 1: 0 of " in ran("homes", "--store", store, "--against", tmp_path / "same.csv")
    rows(3000, 1, shift=10).to_parquet(tmp_path / "shifted.parquet")
    told = ran("homes", "--store", store, "--against", tmp_path / "shifted.parquet")
    assert "    column age: PSI " in told
    assert "    column <pay>: as in the sample; PSI 0.0" in told
    assert re.search(r"^    output predict_proba old: not judged; PSI 0\.[1-9]", told, re.MULTILINE)


def test_rows_of_a_file_that_the_model_does_not_take_are_counted_too(store, tmp_path):
    holes = rows(2500, 1)
    holes.loc[::20, "age"] = None
    holes.to_csv(tmp_path / "holes.csv", index=False)
    (told,) = json.loads(ran("homes", "--store", store, "--against", tmp_path / "holes.csv", "--json"))
    assert told["drifted"] == ["age"]
    (age,) = [feature for feature in told["features"] if feature["name"] == "age"]
    assert (age["missing"], age["rows"]) == (0.05, 2500)


def test_the_report_is_one_file_with_a_plot_of_each_column(store, tmp_path):
    rows(1000, 1, shift=10).to_csv(tmp_path / "shifted.csv", index=False)
    ran("homes", "--store", store, "--against", tmp_path / "shifted.csv", "-o", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "From the training sample have drifted: age" in page
    assert "&lt;pay&gt;" in page
    assert "<pay>" not in page
    assert not re.search(r"https?://|src=|<link|<script", page)
    plots = [ElementTree.fromstring(plot) for plot in re.findall(r"<svg.*?</svg>", page)]
    titles = [plot.find("title").text for plot in plots]
    assert any(title.startswith("<pay> (column), PSI ") for title in titles)
    assert len(plots) >= len(NAMES)
    for plot in plots:
        assert all(0 <= float(bar.get("width")) <= 420 for bar in plot.iter("rect"))


def test_servers_here_and_elsewhere(store):
    with live_server(store, workers=2) as server:
        for start in range(0, 1000, 50):
            body = {"instances": rows(50, start, shift=10).to_dict("records")}
            assert requests.post(f"{server}/v1/models/homes:predict", json=body, timeout=30).ok

        def told_there():
            """Another worker counts its rows half a second later."""
            (told,) = json.loads(ran("homes", "--url", server, "--json"))
            return told if told["rows"] == 1000 else None

        there = eventually(told_there, what="all rows in the window")
        assert there["rows_of"] == f"the server at {server}"
        told = ran("homes", "--store", store)
        assert f"the server of process {server.pid}: 1,000 rows, version 1: " in told
        assert "    column age: PSI " in told
        (here,) = json.loads(ran("homes", "--store", store, "--json"))
        assert here["features"] == there["features"]
        assert "answers 404" in ran("flats", "--url", server, code=1)


def test_what_cannot_be_measured_is_said_in_a_sentence(store, tmp_path):
    assert "no server of this machine serves homes" in ran("homes", "--store", store, code=1)
    assert "say one of them" in ran("homes", "--store", store, "--against", "x.csv", "--url", "http://x", code=1)
    assert "no model" in ran("flats", "--store", store, "--against", "x.csv", code=1)
    (tmp_path / "empty.csv").write_text(",".join(NAMES) + "\n")
    assert "holds no row" in ran("homes", "--store", store, "--against", tmp_path / "empty.csv", code=1)
    bare = shutil.copytree(store, tmp_path / "store")
    pack(LinearRegression().fit(rows(50, 0), range(50)), name="bare", store=bare)
    rows(50, 0).to_csv(tmp_path / "rows.csv", index=False)
    assert "pack it again" in ran("bare", "--store", bare, "--against", tmp_path / "rows.csv", code=1)

"""What another version would have answered: of a log, and of files; told in numbers, and drawn."""

import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression, LogisticRegression

from service.batch.replay.comparison import Comparison
from service.capabilities import TableCall
from service.cli import main
from service.models import load
from service.observability.metrics import Meter
from service.observability.prediction_log.log import PredictionLog
from service.packing import pack
from service.settings import Settings
from service.store.versions import Store
from service.web.context import RequestContext
from tests.support.tiny_text import pack_tiny

ROWS = 200
KEY = "a key of sixteen or more"


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    return pd.DataFrame({"a": rng.normal(size=ROWS), "b<i>": rng.normal(size=ROWS)})


@pytest.fixture(scope="module")
def store(table, tmp_path_factory):
    """`sign`, whose second version has the other sign for a tenth of the rows, and `sum`, whose second adds 1."""
    store = tmp_path_factory.mktemp("store")
    line = (table["a"] + table["b<i>"]).to_numpy()
    for shift in (0.0, np.quantile(line, 0.6) - np.median(line)):
        labels = np.where(line > np.median(line) + shift, "up", "down")
        pack(LogisticRegression(C=1000.0).fit(table, labels), table, labels, name="sign", store=store)
    for shift in (0.0, 1.0):
        pack(LinearRegression().fit(table, line + shift), table, line + shift, name="sum", store=store)
    Store(store).promote("sign", "1")
    Store(store).promote("sum", "1")
    return store


def log_of(store, folder, name, table, outputs=None, **settings):
    """The prediction log of version 1 having answered the table, 50 rows a request."""
    settings = Settings(prediction_log=str(folder), **settings)
    log, model = PredictionLog(settings, Meter()), load(Store(store).open(name, "1"), settings)
    for start in range(0, len(table), 50):
        call = TableCall(table[start : start + 50].to_dict("records"), outputs)
        log.answered(model, call, model.run(call), RequestContext(f"r{start}"))
    log.end()
    return folder


def run(store, *arguments):
    return CliRunner().invoke(main, ["replay", *map(str, arguments), "--store", str(store)])


def told(store, *arguments):
    result = run(store, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def changes(store, table):
    """How many labels really change between the two versions of `sign`."""
    first, second = (load(Store(store).open("sign", version), Settings()) for version in ("1", "2"))
    rows = table.to_dict("records")
    pairs = zip(first.predict(rows).predictions, second.predict(rows).predictions, strict=True)
    return sum(was != now for was, now in pairs)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_labels_that_change_are_counted_from_a_log(store, table, tmp_path, form):
    folder = log_of(store, tmp_path, "sign", table, ["predict", "predict_proba"], prediction_log_format=form)
    wanted = changes(store, table)
    assert wanted > 5
    for source in (folder, folder / "sign", next((folder / "sign").iterdir())):
        found = told(store, "sign", source, "--version", "2")
        assert (found["rows"], found["refused"], found["versions"]) == (ROWS, 0, {"1": ROWS})
        predict, proba = found["outputs"]["predict"], found["outputs"]["predict_proba"]
        assert predict["changed"] == wanted == sum(each["rows"] for each in predict["labels"])
        assert 0 < proba["differences"]["median"] < proba["differences"]["max"] <= 1
        assert set(predict["most"][0]["inputs"]) == {"a", "b<i>"}


def test_the_same_version_changes_nothing(store, table, tmp_path):
    folder = log_of(store, tmp_path, "sign", table, ["predict", "predict_proba"])
    found = told(store, "sign", folder, "--version", "1")["outputs"]
    assert [found[name]["changed"] for name in ("predict", "predict_proba")] == [0, 0]


def test_numbers_are_compared_by_their_differences(store, table, tmp_path):
    found = told(store, "sum", log_of(store, tmp_path, "sum", table), "--version", "2")["outputs"]["predict"]
    assert found["changed"] == ROWS
    assert found["differences"] == pytest.approx({"median": 1, "p99": 1, "max": 1, "mean": 1})


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_both_versions_answer_the_rows_of_a_file(store, table, tmp_path, ending):
    file = tmp_path / f"rows.{ending}"
    {
        "csv": lambda: table.assign(a=table["a"].astype(object).where(table.index != 3, "x")).to_csv(file, index=False),
        "parquet": lambda: table.to_parquet(file),
        "jsonl": lambda: table.to_json(file, orient="records", lines=True, double_precision=15),
    }[ending]()
    found = told(store, "sign", file, "--version", "2")
    assert found["rows"] == ROWS - (ending == "csv")
    assert found["refused"] == (ending == "csv")
    assert abs(found["outputs"]["predict"]["changed"] - changes(store, table)) <= (ending == "csv")


def test_a_hidden_column_is_told_by_its_name(store, table, tmp_path):
    hidden = {"prediction_log_hash": ("a",), "prediction_log_redact": ("sign:b<i>",), "prediction_log_key": KEY}
    result = run(store, "sign", log_of(store, tmp_path, "sign", table, **hidden), "--version", "2")
    assert result.exit_code == 1
    assert "the log hides a, b<i>, which the version reads" in result.output


def test_a_hidden_output_is_not_compared(store, table, tmp_path):
    folder = log_of(
        store, tmp_path, "sign", table, ["predict", "predict_proba"], prediction_log_redact=("predict_proba",)
    )
    assert set(told(store, "sign", folder, "--version", "2")["outputs"]) == {"predict"}


def test_a_line_that_a_killed_writer_left_is_passed_over_and_a_broken_one_is_told(store, table, tmp_path):
    (file,) = (log_of(store, tmp_path, "sign", table) / "sign").iterdir()
    with file.open("ab") as appended:
        appended.write(b'{"time": "2026')
    assert told(store, "sign", file, "--version", "2")["rows"] == ROWS
    with file.open("ab") as appended:
        appended.write(b"\n")
    assert "has a line that is no JSON" in run(store, "sign", file, "--version", "2").output


def test_the_report_is_one_file_with_plots_and_its_names_are_escaped(store, table, tmp_path):
    for name, plots in (("sum", 2), ("sign", 1)):
        folder = log_of(store, tmp_path / name, name, table, ["predict", "predict_proba"] if name == "sign" else None)
        result = run(store, name, folder, "--version", "2", "-o", tmp_path / "report.html")
        assert result.exit_code == 0, result.output
        page = (tmp_path / "report.html").read_text()
        assert page.count("<svg") == plots
        for plot in page.split("<svg")[1:]:
            ElementTree.fromstring("<svg" + plot.split("</svg>")[0] + "</svg>")
        assert "b<i>" not in page
        assert "b&lt;i&gt;" in page
        assert "http" not in page


def test_people_get_sentences(store, table, tmp_path):
    said = run(store, "sign", log_of(store, tmp_path, "sign", table), "--version", "2").output
    assert f"{ROWS} rows compared with version 2; answered before: {ROWS} by version 1" in said
    assert "from up to down" in said


@pytest.mark.parametrize(
    ("source", "version", "said"),
    [("nothing", "2", "nothing"), ("nothing", "7", "has no version 7"), ("empty", "2", "empty")],
    ids=["no file", "no version", "nothing in it"],
)
def test_what_cannot_be_replayed_is_a_sentence(store, tmp_path, source, version, said):
    (tmp_path / "empty").mkdir()
    result = run(store, "sign", tmp_path / source, "--version", version)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_text_model_is_not_replayed(tmp_path):
    pack_tiny(tmp_path / "store")
    result = run(tmp_path / "store", "tiny", tmp_path, "--version", "1")
    assert result.exit_code == 1
    assert "only answers of a model that predicts tables are replayed" in result.output


def test_a_comparison_keeps_the_rows_that_change_most_and_not_more():
    comparison = Comparison()
    for place in range(1000):
        comparison.add("predict", 0.0, float(place), lambda place=place: {"row": place})
    told = comparison.summary()["outputs"]["predict"]
    assert [one["row"] for one in told["most"]] == list(range(999, 979, -1))
    assert told["changed"] == 999
    assert told["differences"]["max"] == 999


def test_numbers_that_are_none_and_labels_without_end_do_no_harm():
    comparison = Comparison()
    for place, (was, now) in enumerate(
        [(None, float("nan")), (1.5, float("inf")), (None, 2.0), *((f"{n}", "x") for n in range(900))]
    ):
        comparison.add("predict", was, now, lambda place=place: {"row": place})
    found = comparison.outputs["predict"]
    assert found.changed == 902
    assert len(found.labels) <= 401
    assert not len(found.differences)

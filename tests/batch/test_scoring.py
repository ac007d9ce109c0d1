"""Offline scoring: the service's own plan over files, wrong rows set aside with the reason."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from service.batch import scoring, writing
from service.cli import main
from service.packing import pack
from service.wire.table_formats.csv_cells import typed
from tests.support.tiny_text import pack_tiny

ROWS = 240


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"zip": rng.choice(["007", "123"], ROWS), "age": rng.integers(1, 90, ROWS)})
    return frame, np.where(frame["age"] > 40, "old", "young")


@pytest.fixture(scope="module")
def estimator(table):
    frame, y = table
    encode = make_column_transformer((OneHotEncoder(), ["zip"]), remainder="passthrough")
    return make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(frame, y)


@pytest.fixture(scope="module")
def store(table, estimator, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack(estimator, *table, name="ages", store=store)
    return store


def run(store, *arguments, stdin=None):
    return CliRunner().invoke(main, ["predict", "ages", *map(str, arguments), "--store", str(store)], input=stdin)


def test_a_csv_is_scored_as_in_process_and_keeps_its_columns(store, table, estimator, tmp_path):
    frame, _ = table
    frame.assign(note="kept").to_csv(tmp_path / "in.csv", index=False)
    result = run(store, tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--outputs", "predict,predict_proba")
    assert result.exit_code == 0, result.output
    scored = pd.read_csv(tmp_path / "out.csv", dtype={"zip": str})
    assert scored["zip"].tolist() == frame["zip"].tolist()  # "007" is not 7
    assert set(scored["note"]) == {"kept"}
    assert scored["predict"].tolist() == estimator.predict(frame).tolist()
    assert scored["predict_proba.old"].to_numpy() == pytest.approx(estimator.predict_proba(frame)[:, 0], rel=1e-15)
    assert not (tmp_path / "out.rejects.csv").exists()


def test_parquet_in_and_out(store, table, estimator, tmp_path):
    frame, _ = table
    frame.to_parquet(tmp_path / "in.parquet")
    result = run(store, tmp_path / "in.parquet", "-o", tmp_path / "out.parquet")
    assert result.exit_code == 0, result.output
    assert pd.read_parquet(tmp_path / "out.parquet")["predict"].tolist() == estimator.predict(frame).tolist()


def test_columns_of_parquet_have_a_dictionary_where_values_come_again(tmp_path):
    """Of 30 columns of numbers that never do, the dictionaries took half of the whole time of scoring."""
    rng = np.random.default_rng(0)
    columns = {
        "new": rng.random(100),
        "known": rng.integers(0, 9, 100) / 10,
        "count": np.arange(100),
        "text": [str(place) for place in range(100)],
        "none": [None] * 100,
    }
    table = pa.table(columns)
    with writing.writer(tmp_path / "flat.parquet", "parquet") as sink:
        sink.write(table)
        sink.write(table)
    with writing.writer(tmp_path / "nested.parquet", "parquet") as sink:
        sink.write(table.append_column("list", pa.array([[1.5]] * 100)))
    assert pq.read_table(tmp_path / "flat.parquet")["new"].to_pylist() == [*columns["new"], *columns["new"]]
    for name, plain in (("flat", {"new", "count"}), ("nested", set())):
        group = pq.read_metadata(tmp_path / f"{name}.parquet").row_group(0)
        found = {each["path_in_schema"] for each in group.to_dict()["columns"] if not each["has_dictionary_page"]}
        assert found == plain


@pytest.mark.parametrize("chunk", [7, 10_000])
def test_invalid_rows_are_rejected_with_reasons_and_the_rest_is_scored(
    store, table, estimator, tmp_path, monkeypatch, chunk
):
    monkeypatch.setattr(scoring, "CHUNK_ROWS", chunk)
    frame = table[0].astype(str)
    wrong = [0, 3, 100, 239]
    frame.loc[wrong, "age"] = ["old", "", "1.5", "4x"]
    frame.loc[3, "zip"] = "999"
    frame.to_csv(tmp_path / "in.csv", index=False)
    result = run(store, tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    assert result.exit_code == 3, result.output
    assert "236 rows scored into" in result.output
    assert "; 4 rejected, with the reasons in" in result.output
    rejects = pd.read_csv(tmp_path / "out.rejects.csv", dtype=str)
    assert rejects["row"].astype(int).tolist() == wrong
    assert rejects["reason"].tolist() == [
        'age: expected integer, got "old"',
        'zip: expected one of "007", "123", got "999"; age: expected integer, got null',
        "age: expected integer, got 1.5",
        'age: expected integer, got "4x"',
    ]
    good = table[0].drop(index=wrong)
    assert pd.read_csv(tmp_path / "out.csv")["predict"].tolist() == estimator.predict(good).tolist()


def test_more_wrong_rows_than_one_answer_names_are_all_set_aside(store, table, tmp_path):
    frame = table[0].astype(str)
    frame.loc[:199, "age"] = "wrong"
    frame.to_csv(tmp_path / "in.csv", index=False)
    told = run(store, tmp_path / "in.csv", "-o", tmp_path / "out.csv").output
    assert "40 rows scored into" in told
    assert "; 200 rejected" in told


def test_standard_input_to_standard_output(store, table, estimator):
    frame = table[0].head(3)
    result = run(store, "-", "-o", "-", stdin=frame.to_csv(index=False))
    assert result.exit_code == 0
    assert [line.split(",")[-1] for line in result.stdout.splitlines()] == ["predict", *estimator.predict(frame)]


def test_formulas_of_the_input_are_escaped_where_that_is_asked_for(store, tmp_path):
    frame = pd.DataFrame({"zip": ["007", "123", "123"], "age": ["31", "-5", "@old"], "=note": ["=1+1", "-1.5", "x"]})
    frame.to_csv(tmp_path / "in.csv", index=False)
    for options, notes, wrong in ([], ["=1+1", "-1.5"], "@old"), (["--escape-formulas"], ["'=1+1", "-1.5"], "'@old"):
        result = run(store, tmp_path / "in.csv", "-o", tmp_path / "out.csv", *options)
        assert result.exit_code == 3, result.output
        scored = pd.read_csv(tmp_path / "out.csv", dtype=str)
        assert scored["zip"].tolist() == ["007", "123"]
        assert scored["age"].tolist() == ["31", "-5"]
        assert scored["'=note" if options else "=note"].tolist() == notes
        assert pd.read_csv(tmp_path / "out.rejects.csv")["age"].tolist() == [wrong]


def test_a_file_without_a_column_is_refused_and_leaves_nothing(store, table, tmp_path):
    table[0].drop(columns="age").to_csv(tmp_path / "in.csv", index=False)
    result = run(store, tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    assert result.exit_code == 1
    assert 'column "age": expected integer, got nothing' in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("absent.csv", "No such file"),
        ("empty.csv", "the file is empty; a header line is expected"),
        ("twice.csv", 'column "age": expected one column of this name, got 2'),
        ("text.parquet", "cannot be read as parquet"),
        ("rows.txt", "expected a name that ends with .csv, .parquet"),
    ],
)
def test_files_that_cannot_be_read_are_one_sentence(store, tmp_path, name, told):
    for file, content in (
        ("empty.csv", ""),
        ("twice.csv", "age,age\n1,2\n"),
        ("text.parquet", "age"),
        ("rows.txt", "age"),
    ):
        (tmp_path / file).write_text(content)
    result = run(store, tmp_path / name, "-o", tmp_path / "out.csv")
    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output


def test_lines_with_too_few_or_too_many_fields_are_rejected(store, tmp_path):
    """They once ended the run, or were filled up."""
    (tmp_path / "in.csv").write_text("zip,age\n007,1\n007,1,2,3\n\n123,40\n123\n007,x\n")
    result = run(store, tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    assert result.exit_code == 3, result.output
    assert [line[:6] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]] == ["007,1,", "123,40"]
    rejects = pd.read_csv(tmp_path / "out.rejects.csv", dtype=str, keep_default_na=False)
    assert rejects["row"].tolist() == ["1", "3", "4"]
    assert rejects["reason"].tolist() == [
        "expected 2 values, as many as the header, got 007,1,2,3",
        "expected 2 values, as many as the header, got 123",
        'age: expected integer, got "x"',
    ]


def test_cells_become_what_their_kind_asks_for_or_stay_text():
    cells = ["1", "1.5", "", "x", "1_0", "inf", "٣"]
    assert typed(cells, "number", nullable=False) == [1.0, 1.5, None, "x", "1_0", "inf", "٣"]
    assert typed(["3", "3.0", "x"], "integer", nullable=False) == [3, 3.0, "x"]
    assert typed(["true", "False", "yes"], "boolean", nullable=False) == [True, False, "yes"]
    assert typed(["", "007"], "text", nullable=False) == ["", "007"]
    assert typed(["", "007"], "text", nullable=True) == [None, "007"]


def test_a_model_that_predicts_no_tables_is_one_sentence(tmp_path):
    """It once was a traceback: 'TextGenerationModel' object has no attribute 'plan'."""
    pack_tiny(tmp_path)
    (tmp_path / "in.csv").write_text("a\n1\n")
    arguments = ["predict", "tiny", str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.csv"), "--store", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    others = "predicts tables, embeds texts, finds entities in texts or fills masks in texts"
    assert result.output == f"Error: tiny generates text; a file needs one that {others}\n"

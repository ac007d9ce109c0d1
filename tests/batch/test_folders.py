"""Folders of rows: every format, parts, what an earlier run has finished, what is refused before anything is scored."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from sklearn.ensemble import HistGradientBoostingClassifier

from service.batch.parts import partitions_of
from service.cli import main
from service.packing import pack

ROWS = 60
WRONG = [3, 41]


@pytest.fixture(scope="module")
def table():
    """Numbers, some missing; `day` is whole."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"height": rng.normal(size=ROWS), "width": rng.normal(size=ROWS), "day": np.arange(ROWS) % 3})
    frame.loc[::7, "width"] = np.nan
    return frame


@pytest.fixture(scope="module")
def model(table):
    fitted = HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=3)
    return fitted.fit(table, np.where(table["height"] + table["day"] > 1, "big", "small"))


@pytest.fixture(scope="module")
def store(table, model, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack(model, table, name="boxes", store=store)
    return store


def run(store, *arguments):
    arguments = ["predict", "boxes", *map(str, arguments), "--processes", "1", "--store", str(store)]
    return CliRunner().invoke(main, arguments)


def write(frame, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=25)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table, 10)
    elif ".jsonl" in path.suffixes:
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        frame.to_csv(path, index=False)


def read(path):
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".arrow":
        return pa.ipc.open_file(path).read_all().to_pandas()
    return pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_csv(path)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow", ".jsonl", ".csv.gz", ".jsonl.gz"])
@pytest.mark.parametrize("part_rows", [7, 1000])
def test_every_format_whole_and_in_parts_is_scored_as_in_process(store, table, model, tmp_path, ending, part_rows):
    wrong = table.assign(note='a "b", c')
    wrong["day"] = wrong["day"].astype(float)
    wrong.loc[WRONG, "day"] = 0.5
    write(wrong, tmp_path / f"in{ending}")
    result = run(store, tmp_path / f"in{ending}", "--part-rows", part_rows, "--outputs", "predict,predict_proba")
    assert result.exit_code == 3, result.output
    out = ending.removesuffix(".gz")
    scored, rejects = read(tmp_path / f"in.scored{out}"), read(tmp_path / f"in.scored.rejects{out}")
    right = table.drop(index=WRONG)
    assert scored["predict"].tolist() == model.predict(right).tolist()
    assert scored["height"].to_numpy() == pytest.approx(right["height"].to_numpy(), rel=1e-12)
    assert set(scored["note"]) == {'a "b", c'}
    assert rejects["row"].tolist() == WRONG
    assert rejects["reason"].tolist() == ["day: expected integer or null, got 0.5"] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"in{ending}", f"in.scored{out}", f"in.scored.rejects{out}"]
    )


def test_whole_numbers_are_never_rounded_on_the_quick_way(store, table, tmp_path):
    """2**53 + 1 is no float: the column plan refuses it in JSON, and so it is here."""
    frame = table.head(3).assign(day=[0, 2**53 + 1, 1])
    write(frame, tmp_path / "in.parquet")
    assert run(store, tmp_path / "in.parquet", "-o", tmp_path / "out.jsonl").exit_code == 0
    assert [json.loads(line)["day"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [0, 2**53 + 1, 1]
    write(table.head(3).assign(day=[0, 1.5, 1]), tmp_path / "in.parquet")
    result = run(store, tmp_path / "in.parquet", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 3, result.output
    assert "expected integer or null, got 1.5" in (tmp_path / "out.rejects.jsonl").read_text()


def test_a_line_of_json_keeps_what_stood_in_it_to_the_letter(store, tmp_path):
    row = '{"height": 1.50, "width": null, "day": 2, "id": 123456789012345678901234567890}'
    (tmp_path / "in.jsonl").write_text(f"\ufeff{row}\n\n[1]\n{{bad\n{{}}\n")
    result = run(store, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 3, result.output
    assert (tmp_path / "out.jsonl").read_text() == row[:-1] + ',"predict":"big"}\n'
    rejects = [json.loads(line) for line in (tmp_path / "out.rejects.jsonl").read_text().splitlines()]
    assert [each["row"] for each in rejects] == [1, 2, 3]
    assert rejects[0]["reason"] == "expected an object, got [1]"
    assert rejects[1]["reason"].startswith("no JSON: ")
    assert rejects[2]["reason"].count("got nothing") == 3


@pytest.fixture
def days(table, tmp_path):
    """A folder in Hive's way: one column is the names of folders."""
    for day, rows in table.groupby("day"):
        write(rows.drop(columns="day"), tmp_path / f"in/day={day}/rows.parquet")
    write(table.tail(5), tmp_path / "in/more.csv")
    (tmp_path / "in/_SUCCESS").write_text("")
    (tmp_path / "in/notes.txt").write_text("")
    return tmp_path / "in"


def summary(result):
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout)


def test_a_folder_keeps_its_partitions_and_is_not_scored_twice(store, table, model, days, tmp_path):
    out = tmp_path / "out"
    told = summary(run(store, days, "-o", out, "--json", "--part-rows", 8))
    assert (told["scored"], told["rejected"], told["files"], told["others"]) == (ROWS + 5, 0, 4, 1)
    assert told["parts"] == 10  # three files of 20 rows, three parts each, and CSV whole
    for day, rows in table.groupby("day"):
        parts = sorted((out / f"day={day}").iterdir())
        assert [path.name for path in parts] == [f"rows-{place:05d}-of-00003.parquet" for place in range(3)]
        found = pd.concat([pq.ParquetFile(path).read().to_pandas() for path in parts])
        assert found["predict"].tolist() == model.predict(rows).tolist()
        assert "day" not in found  # the name of the folder says it
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    again = summary(run(store, days, "-o", out, "--json", "--part-rows", 8))
    assert (again["scored"], again["finished"], again["parts"]) == (ROWS + 5, 10, 10)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before
    # A file that has changed is scored anew, also where it is cut otherwise now, and nothing of the old one is left.
    write(table[table["day"] == 0].drop(columns="day").head(5), days / "day=0/rows.parquet")
    more = summary(run(store, days, "-o", out, "--json", "--part-rows", 8))
    assert (more["scored"], more["finished"], more["parts"]) == (ROWS + 5 - 15, 7, 8)
    assert [path.name for path in (out / "day=0").iterdir()] == ["rows.parquet"]


def test_a_file_that_cannot_be_scored_stops_no_other_and_is_tried_again(store, table, tmp_path):
    write(table.head(4), tmp_path / "in/good.csv")
    write(table.rename(columns={"height": "Height", "width": "wide"}), tmp_path / "in/other.csv")
    (tmp_path / "in/torn.parquet").write_bytes(b"PAR1")
    result = run(store, tmp_path / "in", "--json")
    assert result.exit_code == 1
    failed = json.loads(result.stdout)["failed"]
    assert failed[str(tmp_path / "in/other.csv")] == (
        "column height: expected number or null, got nothing; did you mean Height?; "
        "column width: expected number or null, got nothing; did you mean wide?"
    )
    assert "cannot be read as parquet" in failed[str(tmp_path / "in/torn.parquet")]
    assert (tmp_path / "in.scored/good.csv").exists()
    for name in "other.csv", "torn.parquet":
        os.unlink(tmp_path / "in" / name)
    write(table.head(4), tmp_path / "in/other.csv")
    told = summary(run(store, tmp_path / "in", "--json"))
    assert (told["scored"], told["finished"], told["failed"]) == (8, 1, {})


def test_a_folder_that_holds_other_rows_is_not_mixed_with_new_ones(store, table, tmp_path):
    write(table, tmp_path / "in/rows.csv")
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.csv").write_text("")
    assert "holds files that no run has written" in run(store, tmp_path / "in", "-o", out).output
    os.unlink(out / "mine.csv")
    assert run(store, tmp_path / "in", "-o", out).exit_code == 0
    refused = run(store, tmp_path / "in", "-o", out, "--outputs", "predict_proba")
    assert refused.exit_code == 1
    assert "scored otherwise (outputs [], not ['predict_proba'])" in refused.output
    assert "predict_proba" not in (out / "rows.csv").read_text()
    assert run(store, tmp_path / "in", "-o", out, "--outputs", "predict_proba", "--overwrite").exit_code == 0
    assert "predict_proba" in (out / "rows.csv").read_text()


def test_what_cannot_be_right_is_refused_before_anything_is_scored(store, table, tmp_path):
    write(table, tmp_path / "in/rows.csv")
    write(table, tmp_path / "in/rows.jsonl")
    (tmp_path / "none").mkdir()
    for arguments, told in (
        (["in", "-o", "in/out"], "where the next run would take it for rows to score"),
        (["in", "--format", "csv"], "several files would be scored into rows.csv"),
        (["none"], "holds no file that ends with"),
        (["in/*.parquet", "-o", "out"], "holds no file that ends with"),
        (["in", "--rejects", "out.csv"], "those of a folder are in"),
        (["in/rows.csv", "--format", "csv"], "--format is for a folder"),
        (["-", "--json"], "--json has stdout for itself"),
    ):
        places = [str(tmp_path / each) if each[0] in "ino" and each != "none.csv" else each for each in arguments]
        result = run(store, *places)
        assert result.exit_code in (1, 2), arguments
        assert told in result.output, arguments


def test_a_column_that_is_there_already_is_told_with_a_way_out(store, table, tmp_path):
    write(table.assign(predict="old"), tmp_path / "in.csv")
    result = run(store, tmp_path / "in.csv")
    assert result.exit_code == 1
    assert "a column predict already; put something before the new ones: --prefix" in result.output
    assert run(store, tmp_path / "in.csv", "--prefix", "new_").exit_code == 0
    assert {"predict", "new_predict"} <= set(read(tmp_path / "in.scored.csv"))


def test_the_engine_of_a_library_that_is_missing_is_named_with_what_brings_it(store, table, tmp_path, monkeypatch):
    write(table, tmp_path / "in/rows.csv")
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("actors", "on_ray"):
        monkeypatch.delitem(sys.modules, f"service.batch.{name}", raising=False)
    result = run(store, tmp_path / "in", "--engine", "ray")
    assert result.exit_code == 1
    assert result.output == "Error: ray is not installed here: pip install 'daylight[ray]'\n"
    result = run(store, tmp_path / "in", "--ray-address", "127.0.0.1:6379")
    assert result.exit_code == 2
    assert "--ray-address is for --engine ray" in result.output


def test_an_address_of_the_environment_is_for_those_who_ask_for_ray(store, table, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    write(table, tmp_path / "in/rows.csv")
    assert run(store, tmp_path / "in").exit_code == 0


def test_names_of_folders_are_columns():
    path = Path("day=1/place=S%C3%A3o%20Paulo/empty=__HIVE_DEFAULT_PARTITION__/x=1.csv")
    assert partitions_of(path) == {"day": "1", "place": "São Paulo", "empty": None}


def test_two_processes_score_what_one_would(store, table, model, tmp_path):
    for place in range(3):
        write(table, tmp_path / f"in/{place}.parquet")
    arguments = ["predict", "boxes", str(tmp_path / "in"), "--processes", "2", "--store", str(store), "--json"]
    told = summary(CliRunner().invoke(main, arguments))
    assert (told["scored"], told["parts"]) == (3 * ROWS, 3)
    for place in range(3):
        assert read(tmp_path / f"in.scored/{place}.parquet")["predict"].tolist() == model.predict(table).tolist()

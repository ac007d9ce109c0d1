"""The files of the prediction log: who may read them, when they end, a full disk, a process that dies, Parquet."""

import errno
import json
import os
import signal
import stat

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.support.serving import eventually
from service.errors import BadSetting
from service.observability.metrics import Meter
from service.observability.prediction_log.files import FILE, LineFile, delete_old
from service.observability.prediction_log.log import PredictionLog
from service.settings import Settings
from tests.support.prediction_logs import KEY, ROW, answer, counted, files, lines


def test_only_the_server_s_user_may_read_it(logging, iris):
    log = logging()
    answer(log, iris, [ROW])
    log.flush()
    (path,) = files(log)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert FILE.fullmatch(path.name)


def test_a_full_disk_is_told_once_counted_and_leaves_no_half_line(logging, iris, monkeypatch, caplog):
    log, write = logging(), os.write
    answer(log, iris, [ROW])
    log.flush()

    def full(descriptor, piece):
        if len(piece) > 10:
            return write(descriptor, piece[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    for _ in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", lambda descriptor, piece: full(descriptor, piece[:20]))
            answer(log, iris, [ROW])
            log.flush()
    assert caplog.text.count("No space left") == 1
    assert counted(log, "daylight_prediction_log_dropped") == 3
    answer(log, iris, [ROW])
    log.flush()
    assert len(lines(log)) == 2


def test_files_end_by_size_and_by_age(logging, iris):
    log = logging(prediction_log_file_bytes=1024, prediction_log_file_seconds=0.0)
    for _ in range(8):
        answer(log, iris, [ROW])
        log.flush()
    log._process.writer._files.end_old()
    answer(log, iris, [ROW])
    log.flush()
    assert len(files(log)) > 2
    assert len(lines(log)) == 9


def test_the_oldest_files_are_deleted_and_those_of_others_are_not(tmp_path):
    home = tmp_path / "iris"
    home.mkdir()
    names = [f"20260101T00000{number}Z-7-{number}.jsonl" for number in range(5)]
    for age, name in zip((90, 50, 40, 30, 20), names, strict=True):
        (home / name).write_bytes(b"x" * 100)
        os.utime(home / name, (1000 - age, 1000 - age))
    (home / "notes.txt").write_bytes(b"x" * 1000)
    os.utime(home / "notes.txt", (0, 0))
    assert delete_old(tmp_path, keep_bytes=0, keep_seconds=0, now=lambda: 1000) == 0
    assert delete_old(tmp_path, keep_bytes=0, keep_seconds=60, now=lambda: 1000) == 1
    assert delete_old(tmp_path, keep_bytes=250, keep_seconds=60, now=lambda: 1000) == 2
    assert sorted(path.name for path in home.iterdir()) == [*names[3:], "notes.txt"]


def test_parquet_has_a_column_of_its_type_for_each_field(logging, iris):
    first, second, *_ = iris.plan.names
    log = logging(
        prediction_log_format="parquet",
        prediction_log_redact=(first,),
        prediction_log_hash=(second,),
        prediction_log_key=KEY,
    )
    answer(log, iris, [ROW, ROW], ["predict", "predict_proba"])
    answer(log, iris, [ROW])
    log.flush()
    assert [path.suffix for path in files(log)] == [".draft"]
    assert counted(log, "daylight_prediction_log_rows") == 0
    log.end()
    (path,) = files(log)
    table = pq.read_table(path)
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
    row, _, last = table.to_pylist()
    assert row["inputs"][first] is None
    assert len(row["inputs"][second]) == 32
    assert row["inputs"][iris.plan.names[2]] == 1.4
    assert (row["outputs"]["predict"], last["outputs"]["predict_proba"]) == ("setosa", None)
    assert set(row["outputs"]["predict_proba"]) == {"setosa", "versicolor", "virginica"}
    assert counted(log, "daylight_prediction_log_rows") == 3


@pytest.fixture
def whole(tmp_path):
    """A PredictionLog with its thread and its process."""
    log = PredictionLog(Settings(prediction_log=str(tmp_path / "log"), prediction_log_format="parquet"), Meter())
    yield log
    log.end()


def test_the_process_finishes_its_files_at_the_end_of_the_worker(whole, iris):
    for _ in range(3):
        answer(whole, iris, [ROW])
    eventually(lambda: files(whole), what="a draft")
    whole.end()
    whole.end()
    assert [pq.read_table(path).num_rows for path in files(whole)] == [3]
    assert counted(whole, "daylight_prediction_log_rows") == 3


def test_rows_that_die_with_the_process_are_counted_and_later_ones_go_to_another(whole, iris, monkeypatch):
    monkeypatch.setattr("service.observability.prediction_log.log.AGAIN", 0.0)
    answer(whole, iris, [ROW, ROW])
    eventually(lambda: files(whole), what="a draft")
    process = whole._process._process
    process.send_signal(signal.SIGKILL)
    process.wait()
    answer(whole, iris, [ROW])
    eventually(lambda: counted(whole, "daylight_prediction_log_dropped") == 3, what="the lost rows")
    answer(whole, iris, [ROW])
    whole.end()
    assert counted(whole, "daylight_prediction_log_rows") == 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"prediction_log_hash": ("a",)}, "DAYLIGHT_PREDICTION_LOG_KEY"),
        ({"prediction_log": "/proc/nowhere"}, "cannot be made"),
    ],
    ids=["no key", "no folder"],
)
def test_a_log_that_cannot_be_written_is_refused_at_the_start(tmp_path, settings, reason):
    with pytest.raises(BadSetting, match=reason):
        PredictionLog(Settings(**{"prediction_log": str(tmp_path), **settings}), Meter())


def test_a_line_is_one_line_whatever_a_cell_holds(tmp_path):
    file = LineFile(tmp_path / "m" / "a", None, ())
    file.write([{"a": "one\ntwo", "b": float("nan"), "c": {1: np.float64(2.5)}}])
    file.close()
    (line,) = (tmp_path / "m" / "a").read_bytes().splitlines()
    assert json.loads(line) == {"a": "one\ntwo", "b": None, "c": {"1": 2.5}}

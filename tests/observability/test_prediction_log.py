"""The prediction log holds what was asked and answered, hides what it is to hide, and never harms a request."""

import errno
import json
import os
import signal
import stat
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.support.serving import eventually
from service.capabilities import ClassifyCall, TableCall, TextCall
from service.errors import BadSetting
from service.generation.completion import Completion
from service.models import load
from service.models.encoders.classifier import ClassifyAnswer
from service.models.tables.column import Column
from service.models.tables.output import Output
from service.models.text_generation import TextAnswer
from service.observability.metrics import Meter
from service.observability.prediction_log.files import FILE, LineFile, delete_old
from service.observability.prediction_log.log import PredictionLog
from service.observability.prediction_log.writer import Writer
from service.settings import Settings
from service.store.versions import Store
from service.web.context import RequestContext

ROW = [5.1, 3.5, 1.4, 0.2]
KEY = "a key of sixteen or more"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def iris(tabular_store):
    return load(Store(tabular_store).open("iris"), Settings(store=tabular_store))


class InThisProcess:
    """What WriterProcess is, with the writer in this process: its settings and its disk can be played with."""

    def __init__(self, settings, counted):
        self.counted, self.told = counted, []
        self.writer = Writer(vars(settings), self)

    def write(self, line):
        self.told.append(json.loads(line))

    def flush(self):
        pass

    def send(self, new, answers, rows):
        for message in (*new, answers):
            self.writer.take(message)

    def counts(self):
        for told in self.told:
            self.counted(**told)
        self.told.clear()

    def end(self):
        self.writer.end()
        self.counts()


@pytest.fixture
def logging(tmp_path, monkeypatch):
    """log(**settings): a PredictionLog without a thread or a process, whose folder is `log`."""
    monkeypatch.setattr("service.observability.prediction_log.log.WriterProcess", InThisProcess)

    def begin(**more):
        log = PredictionLog(Settings(prediction_log=str(tmp_path / "log"), **more), Meter())
        log.start = lambda: None
        log.flush = log._send_waiting
        return log

    return begin


def answer(log, model, instances, outputs=None, id="mine"):
    context = RequestContext(id)
    context.trace = TRACE
    call = TableCall(instances, outputs)
    log.answered(model, call, model.run(call), context)


def files(log):
    return sorted(Path(log._settings.prediction_log).glob("*/*"))


def lines(log):
    return [json.loads(line) for path in files(log) for line in path.read_bytes().splitlines()]


def counted(log, name):
    text = log._meter.exposition().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name}_total"))


def test_a_row_holds_what_was_asked_what_was_answered_and_by_which_version(logging, iris):
    log = logging()
    answer(log, iris, [ROW, [6.7, 3.0, 5.2, 2.3]], ["predict", "predict_proba"])
    log.flush()
    first, second = lines(log)
    assert first.keys() == {"time", "request", "trace", "model", "version", "row", "seconds", "inputs", "outputs"}
    assert (first["request"], first["trace"], first["model"], first["version"]) == ("mine", TRACE[3:35], "iris", "1")
    assert (first["row"], second["row"]) == (0, 1)
    assert first["inputs"] == dict(zip(iris.plan.names, ROW, strict=True))
    assert [row["outputs"]["predict"] for row in (first, second)] == ["setosa", "virginica"]
    assert sum(first["outputs"]["predict_proba"].values()) == pytest.approx(1)
    assert abs(time.time() - time.mktime(time.strptime(first["time"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60
    assert counted(log, "daylight_prediction_log_rows") == 2


@pytest.mark.parametrize(
    "form",
    [
        lambda names: [dict(zip(names, ROW, strict=True)) | {"more": 1}],
        lambda names: [ROW],
        lambda names: {name: [cell] for name, cell in zip(names, ROW, strict=True)},
        lambda names: np.array([ROW]),
    ],
    ids=["objects", "lists", "columns", "an array"],
)
def test_rows_in_any_form_are_logged_by_column(logging, iris, form):
    log = logging()
    answer(log, iris, form(iris.plan.names))
    call = TableCall(iris.plan.read([ROW]))
    log.answered(iris, call, iris.run(call), RequestContext())
    log.flush()
    assert [row["inputs"] for row in lines(log)] == [dict(zip(iris.plan.names, ROW, strict=True))] * 2


def test_texts_are_logged_with_their_completions(logging):
    class Writer:
        name, version = "tiny", "3"
        capabilities = (TextCall.capability,)

    log = logging(prediction_log_redact=("tiny:completion",))
    completions = [Completion(f" there {place}", "stop", 2, 3) for place in range(4)]
    chat = [{"role": "user", "content": "Hi"}]
    call = TextCall(["Once", chat], {"temperature": 0}, n=2)
    log.answered(Writer(), call, TextAnswer(completions, 2, {"predict": 0.5}), RequestContext())
    log.flush()
    rows = lines(log)
    assert [row["inputs"]["prompt"] for row in rows] == ["Once", "Once", chat, chat]
    assert {row["outputs"].get("completion") for row in rows} == {None}
    assert rows[0]["parameters"] == {"temperature": 0}
    assert rows[0]["hidden"] == ["completion"]


def test_texts_that_are_classified_are_logged(logging):
    class Classifier:
        name, version, capabilities = "moods", "1", (ClassifyCall.capability,)
        answers = {"predict_proba": Output("number", [None, 2], ["bad", "good"])}  # noqa: RUF012

        class plan:
            names, columns = ("text",), (Column("text", "text", "object"),)

    log = logging()
    scores = np.array([[0.25, 0.75]])
    log.answered(
        Classifier(),
        ClassifyCall(["fine"]),
        ClassifyAnswer(["bad", "good"], scores, scores, {}, (1, 0)),
        RequestContext(),
    )
    log.flush()
    (row,) = lines(log)
    assert (row["inputs"], row["outputs"]) == ({"text": "fine"}, {"predict_proba": {"bad": 0.25, "good": 0.75}})


def test_columns_are_left_out_or_hashed_so_that_equal_cells_can_be_told(logging, iris):
    first, second, *_ = iris.plan.names
    log = logging(prediction_log_redact=(f"iris:{first}",), prediction_log_hash=(second,), prediction_log_key=KEY)
    answer(log, iris, [ROW, [1.0, 3.5, 1.0, 1.0], [1.0, 3, 1.0, 1.0]])
    log.flush()
    rows = lines(log)
    assert all(row["hidden"] == [first, second] and first not in row["inputs"] for row in rows)
    hashes = [row["inputs"][second] for row in rows]
    assert hashes[0] == hashes[1] != hashes[2]
    assert all(len(each) == 32 for each in hashes)
    assert "3.5" not in files(log)[0].read_text()


def test_another_key_gives_another_hash(logging):
    hashes = {logging(prediction_log_hash=("a",), prediction_log_key=key)._hiding.hash("x") for key in (KEY, KEY[::-1])}
    assert len(hashes) == 2


def test_only_the_server_s_user_may_read_it(logging, iris):
    log = logging()
    answer(log, iris, [ROW])
    log.flush()
    (path,) = files(log)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert FILE.fullmatch(path.name)


def test_a_share_of_the_requests_is_logged_and_each_model_may_have_its_own(logging, iris):
    log = logging(prediction_log_share=(("", 0.0), ("iris", 0.25)))
    for _ in range(1000):
        answer(log, iris, [ROW])
    assert 150 < len(log._waiting) < 350
    none = logging(prediction_log_share=(("", 0.0), ("other", 1.0)))
    answer(none, iris, [ROW])
    assert not none._waiting


def test_what_does_not_fit_the_queue_is_counted(logging, iris, monkeypatch):
    monkeypatch.setattr("service.observability.prediction_log.log.WAITING", 3000)
    log = logging()
    for _ in range(5):
        answer(log, iris, [ROW, ROW])
    log.flush()
    assert len(lines(log)) == 6
    assert counted(log, "daylight_prediction_log_dropped") == 4
    answer(log, iris, [ROW])
    log.flush()
    assert len(lines(log)) == 7


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


def test_an_answer_that_cannot_be_read_loses_itself_alone(logging, iris, caplog):
    log = logging()
    answer(log, iris, [ROW])
    call = TableCall([ROW])
    log.answered(iris, call, object(), RequestContext())
    answer(log, iris, [ROW])
    log.flush()
    assert len(lines(log)) == 2
    assert counted(log, "daylight_prediction_log_dropped") == 1
    assert "the prediction log cannot read an answer" in caplog.text


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


def test_cells_of_other_types_than_json_s_are_logged_as_json_has_them(logging):
    class Odd:
        name, version, capabilities = "odd", "1", (TableCall.capability,)
        answers = {"predict": Output("number", [None])}  # noqa: RUF012

        class plan:
            names = ("when", "many")
            columns = (Column("when", "datetime", "datetime64[ns]"), Column("many", "number", "float64"))

    class Answer:
        seconds, outputs = {}, {"predict": [Decimal("1.5")]}

    log = logging(prediction_log_share=(("odd", 1.0),))
    log.answered(Odd(), TableCall([{"when": date(2026, 1, 2), "many": np.float64(2.5)}]), Answer(), RequestContext())
    log.flush()
    (row,) = lines(log)
    assert (row["inputs"], row["outputs"]) == ({"when": "2026-01-02", "many": 2.5}, {"predict": "1.5"})


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


def test_names_that_no_model_has_are_told(logging, iris, caplog):
    log = logging(prediction_log_redact=("emial", "iris:predict"), prediction_log_share=(("", 1.0), ("irsi", 0.1)))
    log.check_names([iris])
    assert "hide what no model here has: emial" in caplog.text
    assert "models that are not served: irsi" in caplog.text


def test_a_line_is_one_line_whatever_a_cell_holds(tmp_path):
    file = LineFile(tmp_path / "m" / "a", None, ())
    file.write([{"a": "one\ntwo", "b": float("nan"), "c": {1: np.float64(2.5)}}])
    file.close()
    (line,) = (tmp_path / "m" / "a").read_bytes().splitlines()
    assert json.loads(line) == {"a": "one\ntwo", "b": None, "c": {"1": 2.5}}

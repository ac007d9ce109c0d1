"""What the prediction log keeps of what was answered: every cell, no cell that is hidden, and no harm to a request."""

import calendar
import time
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from service.capabilities import ClassifyCall, TableCall, TextCall
from service.generation.completion import Completion
from service.models.encoders.classifier import ClassifyAnswer
from service.models.tables.column import Column
from service.models.tables.output import Output
from service.models.text_generation import TextAnswer
from service.web.context import RequestContext
from tests.support.prediction_logs import KEY, ROW, TRACE, answer, counted, files, lines


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
    assert abs(time.time() - calendar.timegm(time.strptime(first["time"][:19], "%Y-%m-%dT%H:%M:%S"))) < 60
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


def test_names_that_no_model_has_are_told(logging, iris, caplog):
    log = logging(prediction_log_redact=("emial", "iris:predict"), prediction_log_share=(("", 1.0), ("irsi", 0.1)))
    log.check_names([iris])
    assert "hide what no model here has: emial" in caplog.text
    assert "models that are not served: irsi" in caplog.text

"""Prompts during which an engine died are known to the next one."""

from pathlib import Path

import numpy as np
import pytest

from service.errors import PredictionFailed
from service.generation.suspects import prompt_digest
from service.models.engine.journal import MOST_KEPT, Journals

ONE, TWO = (prompt_digest(np.array(ids, np.int32)) for ids in ([1, 2], [3]))


def died(folder, *digests, blame=True):
    """An engine that worked on these prompts has died; returns what the next one knows."""
    Journals(folder, blame=False).of(slots=4).working(digests)
    return Journals(folder, blame=blame)


def test_a_prompt_that_ends_two_engines_is_refused(tmp_path):
    suspects = died(tmp_path, ONE, TWO).of(4)
    suspects.check(ONE)
    assert ONE in suspects
    assert TWO in suspects
    suspects = died(tmp_path, ONE).of(4)
    with pytest.raises(PredictionFailed, match="not tried again"):
        suspects.check(ONE)
    suspects.check(TWO)


def test_an_engine_that_was_ended_from_outside_blames_none(tmp_path):
    assert ONE not in died(tmp_path, ONE, blame=False).of(4)
    assert not Journals(tmp_path, blame=True).deaths


def test_a_prompt_that_was_worked_on_to_its_end_is_cleared_for_good(tmp_path):
    died(tmp_path, ONE).of(4).cleared([ONE])
    assert ONE not in Journals(tmp_path, blame=True).of(4)


def test_what_is_kept_is_bounded(tmp_path):
    for first in range(0, MOST_KEPT + 100, 100):
        digests = [prompt_digest(np.array([first + each], np.int32)) for each in range(100)]
        Journals(tmp_path, blame=False).of(slots=100).working(digests)
        journals = Journals(tmp_path, blame=True)
    assert len(journals.deaths) == MOST_KEPT
    assert digests[0] in journals.deaths


def test_a_full_folder_costs_no_engine_and_keeps_what_is_known(tmp_path, monkeypatch, caplog):
    """The file was emptied before it was written: the error ended the engine, and its successor knew no prompt."""
    journals = died(tmp_path, ONE, TWO)
    monkeypatch.setattr(Path, "write_text", full)
    journals.of(4).cleared([ONE])
    assert "not kept for the next one" in caplog.text
    monkeypatch.undo()
    assert TWO in Journals(tmp_path, blame=False).of(4)


def full(path, text, **_):
    with open(path, "w"):
        raise OSError(28, "No space left on device")

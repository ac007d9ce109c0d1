"""What a run that was killed leaves in its folder, and what the next one makes of it."""

from pathlib import Path

import pytest

from service.batch.ledger import Ledger, record, rejects_of
from service.batch.parts import Part
from service.batch.scoring import Tally

RUN = {"model": "tumour", "version": "3"}


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_run_that_was_killed_as_it_began_is_no_reason_to_refuse_the_next_one(tmp_path, monkeypatch):
    """Its folder of receipts was taken for somebody else's file."""
    with monkeypatch.context() as patched:
        patched.setattr("service.batch.ledger.atomic_write", killed)
        with pytest.raises(Killed), Ledger(tmp_path / "out").held(RUN, overwrite=False):
            pass
    with Ledger(tmp_path / "out").held(RUN, overwrite=False) as ledger:
        assert ledger.finished(Part("a.csv", None, "a.csv")) is None


def killed(*_, **__):
    raise Killed


@pytest.mark.parametrize("deletions", range(3))
def test_a_run_that_is_killed_while_it_deletes_leaves_nothing_that_the_next_one_does_not_know(
    tmp_path, monkeypatch, deletions
):
    """The rows of another cut stayed beside those of the new one: what said whose they were was deleted first."""
    whole, half = Part("a.csv", None, "a.csv"), Part("a.csv", None, "a-0.csv")
    rejects = rejects_of(whole, "csv")
    with Ledger(tmp_path).held(RUN, overwrite=False):
        for name in (whole.target, rejects):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("rows")
        record(tmp_path, whole, Tally(1, 1), rejects)
    unlink, left = Path.unlink, [deletions]

    def unlink_or_die(path, **options):
        if not left[0]:
            raise Killed
        left[0] -= 1
        unlink(path, **options)

    with Ledger(tmp_path).held(RUN, overwrite=False) as ledger:
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(Path, "unlink", unlink_or_die)
            ledger.forget_other_cuts([half])
        ledger.forget_other_cuts([half])
    assert not (tmp_path / whole.target).exists()
    assert not (tmp_path / rejects).exists()

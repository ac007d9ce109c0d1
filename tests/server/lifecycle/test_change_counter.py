"""The number that tells the workers of a server that their table has changed."""

import pytest

from service.server.lifecycle.change_counter import ChangeCounter


@pytest.fixture
def counters(tmp_path):
    """Those of two processes."""
    return ChangeCounter(tmp_path / "changes"), ChangeCounter(tmp_path / "changes")


def test_a_change_is_seen_while_it_happens_and_after(counters):
    writer, reader = counters
    before = reader.number()
    with writer.changing():
        during = reader.number()
    assert len({before, during, reader.number()}) == 3
    assert reader.settled() == reader.number()


def test_what_is_settled_is_even_and_a_change_is_not(counters):
    writer, reader = counters
    with writer.changing():
        assert reader.number() % 2
    assert reader.settled() % 2 == 0


def test_a_writer_that_was_killed_holds_up_nobody_for_long(counters):
    """Its number stays odd until somebody changes the table again."""
    writer, reader = counters
    killed = writer.changing()
    killed.__enter__()
    left = reader.settled()
    assert left % 2
    with writer.changing():
        assert reader.number() not in (left, left + 1), "the next change is seen while it happens, too"
        assert reader.number() % 2
    assert reader.settled() % 2 == 0


def test_a_change_that_fails_counts_as_one(counters):
    writer, reader = counters
    before = reader.number()
    with pytest.raises(OSError, match="full"), writer.changing():
        raise OSError("full")
    assert reader.settled() > before

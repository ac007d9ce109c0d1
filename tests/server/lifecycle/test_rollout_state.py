"""The state machine of a rollout alone: every event in every state, and the rules by which proposals are decided."""

from dataclasses import replace
from itertools import product

import pytest

from service.server.lifecycle.rollout_state import (
    HEAD_START,
    TRANSITIONS,
    Entry,
    Event,
    IllegalEvent,
    Proposal,
    Refusal,
    State,
    decide,
    forget_refusals,
    mark_preparing,
    may_prepare,
    propose,
    refuse_unreadable,
)
from service.server.lifecycle.worker_status import Vote, WorkerState, WorkerStatus

PROPOSAL = Proposal("11-0.0", "2", by=11, since=0.0)
REFUSAL = Refusal("2", "broken")
ENTRIES = {
    State.COMMITTED: Entry("1"),
    State.PROPOSED: Entry("1", proposal=PROPOSAL),
    State.REFUSED: Entry("1", refused=REFUSAL),
}
# The fields of an entry that make up each state.
FIELDS = {
    State.COMMITTED: {"proposal": None, "refused": None},
    State.PROPOSED: {"proposal": PROPOSAL, "refused": None},
    State.REFUSED: {"proposal": None, "refused": REFUSAL},
}
READY = WorkerStatus(WorkerState.READY, serving={"m": "1"})


def proposed(version="2", died=0):
    """A table with one model, for which worker 11 has proposed this version."""
    entry = propose(Entry("1"), version, [0], by=11)
    return {"m": replace(entry, proposal=replace(entry.proposal, died=died))}


def voted(table, reason=None):
    return WorkerStatus(WorkerState.READY, votes={"m": Vote(table["m"].proposal.id, reason)})


@pytest.mark.parametrize(("before", "event", "after"), list(product(State, Event, State)))
def test_an_entry_takes_exactly_the_events_of_the_table(before, event, after):
    entry = ENTRIES[before]
    assert entry.state is before
    if TRANSITIONS.get((before, event)) is after:
        assert entry.after(event, **FIELDS[after]).state is after
    else:
        with pytest.raises(IllegalEvent, match=f"{event} leads from {before} to {after}"):
            entry.after(event, **FIELDS[after])


@pytest.mark.parametrize("entry", [*ENTRIES.values(), Entry("1", [1, 2, 3], unloaded=True)])
def test_an_entry_survives_json(entry):
    assert Entry.from_json(entry.to_json()) == entry


def test_a_status_survives_json():
    status = WorkerStatus(WorkerState.IDLE, "no model is loaded", {"m": Vote("11-0.0", "broken")}, busy=True)
    assert WorkerStatus.from_json(status.to_json()) == status


@pytest.mark.parametrize("state", State)
def test_a_proposal_replaces_what_was_there(state):
    entry = propose(ENTRIES[state], "3", [7], by=12)
    assert (entry.state, entry.proposal.version, entry.proposal.by, entry.stamp) == (State.PROPOSED, "3", 12, [7])


@pytest.mark.parametrize("state", State)
def test_proposing_the_served_version_ends_what_was_there(state):
    assert propose(ENTRIES[state], "1", [7], by=12) == Entry("1", [7])


@pytest.mark.parametrize("state", State)
def test_an_unreadable_version_is_refused(state):
    assert refuse_unreadable(ENTRIES[state], [7], "empty") == Entry("1", [7], refused=Refusal(None, "empty"))


def test_all_votes_commit_a_version():
    table = proposed()
    decide(table, {11: voted(table), 12: READY}, patience=60)
    assert table["m"].state is State.PROPOSED  # 12 has not voted
    decide(table, {11: voted(table), 12: voted(table)}, patience=60)
    assert table["m"] == Entry("2", [0])


def test_nothing_is_committed_without_a_worker_that_serves():
    table = proposed()
    decide(table, {11: WorkerStatus(WorkerState.DRAINING)}, patience=60)
    assert table["m"].state is State.PROPOSED


def test_one_reason_refuses_a_version():
    table = proposed()
    decide(table, {11: voted(table), 12: voted(table, "broken")}, patience=60)
    assert table["m"] == Entry("1", [0], refused=Refusal("2", "broken"))


def test_a_vote_for_an_earlier_proposal_does_not_count():
    earlier = voted(proposed("3"))
    table = proposed()
    decide(table, {11: voted(table), 12: earlier}, patience=60)
    assert table["m"].state is State.PROPOSED


def test_version_that_kills_its_process_never_kills_the_last_worker():
    """Two workers: one died, so the other may not load it before there are two again."""
    table = proposed()
    both = {11: READY, 12: READY}
    assert may_prepare("m", table["m"].proposal, both, pid=11, full=2)
    assert not may_prepare("m", table["m"].proposal, both, pid=12, full=2)  # 11 has a head start
    mark_preparing(table, "m", table["m"].proposal, 11, begins=True)
    decide(table, {12: READY}, patience=60)
    assert table["m"].proposal.died == 1
    late = replace(table["m"].proposal, since=table["m"].proposal.since - 2 * HEAD_START)
    assert not may_prepare("m", late, {12: READY}, pid=12, full=2)
    assert may_prepare("m", late, {12: READY, 13: READY}, pid=13, full=2)
    mark_preparing(table, "m", table["m"].proposal, 13, begins=True)
    assert not may_prepare("m", table["m"].proposal, {12: READY, 13: READY}, pid=12, full=2)
    decide(table, {12: READY}, patience=60)
    assert table["m"].refused == Refusal("2", "2 workers died while they loaded it")


def test_a_worker_that_ends_its_load_does_not_count_as_dead():
    table = proposed()
    mark_preparing(table, "m", table["m"].proposal, 11, begins=True)
    mark_preparing(table, "m", table["m"].proposal, 11, begins=False)
    decide(table, {12: READY}, patience=60)
    assert table["m"].proposal.died == 0


def test_marks_for_an_outdated_proposal_are_ignored():
    table = proposed()
    mark_preparing(table, "m", PROPOSAL, 11, begins=True)
    mark_preparing(table, "n", PROPOSAL, 11, begins=True)
    assert table["m"].proposal.preparing == ()
    assert "n" not in table


def test_a_worker_that_hangs_is_named():
    table = proposed()
    busy = WorkerStatus(WorkerState.READY, busy=True)
    assert decide(table, {11: voted(table), 12: busy, 13: READY}, patience=0.0) == {12}
    assert table["m"].refused.reason == "a worker has not loaded it within 0 seconds"


def test_forgetting_refusals_makes_the_store_be_read_again():
    table = {state.value: replace(entry, stamp=[7]) for state, entry in ENTRIES.items()}
    forget_refusals(table)
    assert {name: entry.stamp for name, entry in table.items()} == {"committed": [7], "proposed": [7], "refused": None}

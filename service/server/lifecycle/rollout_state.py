"""The state machine by which the workers of a server agree on a model's version. Pure: no file, no model, no thread.

    entry = propose(Entry(serving="1"), "2", stamp, by=43)      # State.PROPOSED
    decide(table, workers, patience=120)                        # {44}: the workers that hang
    table["tumour"].state                                       # State.COMMITTED or State.REFUSED, once decided

An Entry is what the workers share about one model. TRANSITIONS names every event that an entry takes in a state, and
the state after it; docs/rollout.md draws it. worker_registry stores the entries, rollout carries out what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from time import monotonic
from typing import Any

from .worker_status import SERVING, WorkerState, WorkerStatus

__all__ = [
    "HEAD_START",
    "MOST_DEATHS",
    "TRANSITIONS",
    "Entry",
    "Event",
    "IllegalEvent",
    "Proposal",
    "Refusal",
    "State",
    "Table",
    "awaited",
    "begin_preparing",
    "death_reason",
    "decide",
    "forget_refusals",
    "mark_preparing",
    "may_prepare",
    "open_proposals",
    "propose",
    "refuse_unreadable",
]

HEAD_START = 1.0  # seconds that the proposer loads alone: a version that kills its process mostly does so at once
MOST_DEATHS = 2  # workers that die while they load a version; a single one may have been killed for another reason


class State(StrEnum):
    COMMITTED = "committed"  # every worker serves, or is about to serve, `Entry.serving`
    PROPOSED = "proposed"  # the workers prepare another version beside it, and vote
    REFUSED = "refused"  # the last change was refused; `Entry.serving` stays


class Event(StrEnum):
    PROPOSE = "propose"  # the store, or an admin, names another version
    KEEP = "keep"  # ... names the version that is served
    UNREADABLE = "unreadable"  # ... names a version that cannot be read
    PREPARE = "prepare"  # a worker begins to load the proposed version
    FINISH = "finish"  # a worker has loaded it, or could not
    DIE = "die"  # a worker died while it loaded it
    COMMIT = "commit"  # every serving worker is prepared
    ABORT = "abort"  # one is not, or not in time, or too many died
    RETRY = "retry"  # new workers have taken over: the store is to be read again


TRANSITIONS = {
    **{(state, Event.PROPOSE): State.PROPOSED for state in State},
    **{(state, Event.KEEP): State.COMMITTED for state in State},
    **{(state, Event.UNREADABLE): State.REFUSED for state in State},
    (State.PROPOSED, Event.PREPARE): State.PROPOSED,
    (State.PROPOSED, Event.FINISH): State.PROPOSED,
    (State.PROPOSED, Event.DIE): State.PROPOSED,
    (State.PROPOSED, Event.COMMIT): State.COMMITTED,
    (State.PROPOSED, Event.ABORT): State.REFUSED,
    (State.REFUSED, Event.RETRY): State.REFUSED,
}


class IllegalEvent(Exception):
    """An event that the entry does not take in its state, or that leads to another state than TRANSITIONS says."""


@dataclass(frozen=True)
class Proposal:
    """id: unique in the server. version: None for "serve no version". by: the proposer's process id.

    since: monotonic seconds. preparing: process ids of the workers that load it now. died: how many died meanwhile.
    """

    id: str
    version: str | None
    by: int
    since: float
    preparing: tuple[int, ...] = ()
    died: int = 0


@dataclass(frozen=True)
class Refusal:
    version: str | None
    reason: str


@dataclass(frozen=True)
class Entry:
    """What the workers share about one model.

    serving: the committed version, or None. stamp: the state of the store that was looked at last. unloaded: whether
    an admin has asked that the model not be served.
    """

    serving: str | None = None
    stamp: Any = None
    unloaded: bool = False
    proposal: Proposal | None = None
    refused: Refusal | None = None

    @property
    def state(self) -> State:
        if self.proposal:
            return State.PROPOSED
        return State.REFUSED if self.refused else State.COMMITTED

    def after(self, event: Event, **changes: Any) -> Entry:
        """The entry after this event. Raises IllegalEvent."""
        entry = replace(self, **changes)
        if TRANSITIONS.get((self.state, event)) is not entry.state:
            raise IllegalEvent(f"{event} leads from {self.state} to {entry.state}, and TRANSITIONS does not allow that")
        return entry

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Entry:
        proposal, refused = value["proposal"], value["refused"]
        return cls(
            value["serving"],
            value["stamp"],
            value["unloaded"],
            proposal and Proposal(**proposal | {"preparing": tuple(proposal["preparing"])}),
            refused and Refusal(**refused),
        )


Table = dict[str, Entry]  # model name: entry


def open_proposals(table: Table) -> dict[str, Proposal]:
    return {name: entry.proposal for name, entry in table.items() if entry.proposal}


def awaited(table: Table, seconds: float = float("inf")) -> dict[str, str]:
    """{model: version} of what is proposed, for at most so many seconds, where no version is served meanwhile."""
    since = monotonic() - seconds
    return {
        name: proposal.version
        for name, proposal in open_proposals(table).items()
        if proposal.version and not table[name].serving and proposal.since >= since
    }


def propose(entry: Entry, version: str | None, stamp: Any, *, by: int) -> Entry:
    """Propose this version, in place of any earlier proposal or refusal. by: the process id of the worker."""
    if version == entry.serving:
        return entry.after(Event.KEEP, stamp=stamp, proposal=None, refused=None)
    now = monotonic()
    return entry.after(Event.PROPOSE, stamp=stamp, proposal=Proposal(f"{by}-{now}", version, by, now), refused=None)


def refuse_unreadable(entry: Entry, stamp: Any, reason: str) -> Entry:
    """Refuse what the store names now: it cannot be read."""
    return entry.after(Event.UNREADABLE, stamp=stamp, proposal=None, refused=Refusal(None, reason))


def may_prepare(name: str, proposal: Proposal, workers: Mapping[int, WorkerStatus], *, pid: int, full: int) -> bool:
    """Whether worker `pid` may load the proposed version now. full: how many workers the server has.

    One that has begun to, at its own start, is not kept from ending it: two of them would wait for each other.
    The proposer has a head start. After a death one worker at a time may load it, and only while `full` workers are
    ready, or none of them serves anything: a version that kills its process must never kill the last one that answers.
    """
    if pid in proposal.preparing:
        return True
    if proposal.died:
        ready = sum(status.state == WorkerState.READY for status in workers.values())
        harmless = ready >= full or not any(status.serving for status in workers.values())
        return not set(proposal.preparing) & workers.keys() - {pid} and harmless
    if proposal.by == pid or monotonic() >= proposal.since + HEAD_START:
        return True
    return workers.get(proposal.by, WorkerStatus()).vote_for(name, proposal.id) is not None


def begin_preparing(
    table: Table, name: str, proposal_id: str, workers: Mapping[int, WorkerStatus], *, pid: int, full: int
) -> bool:
    """Mark worker `pid` as preparing, and return whether it may prepare now.

    Both happen under the lock of the table: otherwise two workers could find that they may, load a version together
    that kills its process, and leave the server without a worker.
    """
    proposal = table.get(name, Entry()).proposal
    if not proposal or proposal.id != proposal_id or not may_prepare(name, proposal, workers, pid=pid, full=full):
        return False
    mark_preparing(table, name, proposal, pid, begins=True)
    return True


def mark_preparing(table: Table, name: str, proposal: Proposal, pid: int, *, begins: bool) -> None:
    """Record that worker `pid` begins, or has ended, to load what is proposed. An outdated proposal is ignored."""
    entry = table.get(name, Entry())
    if not entry.proposal or entry.proposal.id != proposal.id:
        return
    others = tuple(other for other in entry.proposal.preparing if other != pid)
    preparing = (*others, pid) if begins else others
    event = Event.PREPARE if begins else Event.FINISH
    table[name] = entry.after(event, proposal=replace(entry.proposal, preparing=preparing))


def decide(table: Table, workers: Mapping[int, WorkerStatus], *, patience: float) -> set[int]:
    """Decide every proposal that can be decided; returns the ids of the processes that hang while they load one.

    workers: those alive, as WorkerRegistry.workers() gives them; those that serve have a vote each. patience: seconds
    that all have for loading a version.
    """
    late: set[int] = set()
    voters = {pid: status for pid, status in workers.items() if status.state in SERVING}
    for name, entry in table.items():
        entry = count_deaths(entry, workers)
        proposal = entry.proposal
        if not proposal:
            continue
        votes = {pid: status.vote_for(name, proposal.id) for pid, status in voters.items()}
        waiting = [pid for pid, vote in votes.items() if vote is None]
        reasons = [vote.reason for vote in votes.values() if vote and vote.reason]
        if proposal.died >= MOST_DEATHS:
            reasons.append(death_reason(proposal.died))
        elif waiting and monotonic() > proposal.since + patience:
            reasons.append(f"a worker has not loaded it within {patience:.0f} seconds")
            late |= {pid for pid in waiting if workers[pid].busy}
        if reasons:
            entry = entry.after(Event.ABORT, proposal=None, refused=Refusal(proposal.version, reasons[0]))
        elif voters and not waiting:
            entry = entry.after(Event.COMMIT, proposal=None, serving=proposal.version)
        table[name] = entry
    return late


def death_reason(died: int) -> str:
    """The reason to refuse a version that so many workers have died of."""
    return f"{died} workers died while they loaded it" if died > 1 else "a worker died while it loaded it"


def count_deaths(entry: Entry, workers: Mapping[int, WorkerStatus]) -> Entry:
    """Add those that loaded a proposed version and are not alive any more to the proposal's deaths."""
    proposal = entry.proposal
    if not proposal or workers.keys() >= set(proposal.preparing):
        return entry
    alive = tuple(pid for pid in proposal.preparing if pid in workers)
    died = len(proposal.preparing) - len(alive)
    return entry.after(Event.DIE, proposal=replace(proposal, preparing=alive, died=proposal.died + died))


def forget_refusals(table: Table) -> None:
    """Let the workers read the store again for what was refused, and propose it once more."""
    for name, entry in table.items():
        if entry.state is State.REFUSED:
            table[name] = entry.after(Event.RETRY, stamp=None)

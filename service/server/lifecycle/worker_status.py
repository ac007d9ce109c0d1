"""What one worker says of itself to the others: its state, and its votes on the versions that are proposed.

WorkerStatus(WorkerState.READY, votes={"tumour": Vote("43-1207.5")})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["SERVING", "Vote", "WorkerState", "WorkerStatus"]


class WorkerState(StrEnum):
    """The first four are said by the worker itself, the last two are concluded by whoever reads its files."""

    STARTING = "starting"
    READY = "ready"
    IDLE = "idle"  # it takes requests, and has no model, or one that failed
    FAILED = "failed"  # it cannot load its models
    DRAINING = "draining"  # it ends, and takes no new requests
    SILENT = "silent"  # no heartbeat for a while


SERVING = frozenset({WorkerState.READY, WorkerState.IDLE})  # the states of the workers that vote


@dataclass(frozen=True)
class Vote:
    """A worker's vote on a proposal. reason: why it cannot serve the version; None: the version is prepared."""

    proposal: str
    reason: str | None = None


@dataclass(frozen=True)
class WorkerStatus:
    """why: the reason of a state other than READY, or which models a READY worker still loads at its start.

    votes: {model: Vote}. busy: whether it loads a model now. serving: {model: version} of what it answers with.
    """

    state: WorkerState = WorkerState.STARTING
    why: str = ""
    votes: Mapping[str, Vote] = field(default_factory=dict)
    busy: bool = False
    serving: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> WorkerStatus:
        votes = {name: Vote(**vote) for name, vote in value["votes"].items()}
        return cls(WorkerState(value["state"]), value["why"], votes, value["busy"], value["serving"])

    def vote_for(self, name: str, proposal: str) -> Vote | None:
        """Its vote on this proposal for the model; None where it has not voted yet."""
        vote = self.votes.get(name)
        return vote if vote and vote.proposal == proposal else None

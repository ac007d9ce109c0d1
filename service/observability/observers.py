"""Who is told of each answer, beside the caller: what a server counts or keeps of the calls that it has answered.

    predictor.observers = (Drift(...),)
    observer.answered(model, call, answer, context)     # in the request's thread, before the answer is sent

An observer takes references and is back within a microsecond: what takes longer is done by a thread of its own. It
raises nothing, for the caller's answer is ready. It changes nothing of what it gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..errors import InvalidInstances

__all__ = ["Observer"]


class Observer(Protocol):
    """What the predictor's `observers` have to be. Several threads may tell them at once."""

    def answered(self, model: Any, call: Any, answer: Any, context: Any) -> None:
        """A call was answered whole, and its answer is encoded. context: the RequestContext, with the request's id and
        trace. Of a table, answer.table holds the rows as the model got them, [rows, columns], and answer.raw its
        outputs.
        """

    def refused(self, model: Any, call: Any, error: InvalidInstances) -> None:
        """A table was refused for its cells; error.details names them."""

    def start(self) -> None:
        """This process is a worker that begins to answer: threads may be started."""

    def end(self) -> None:
        """The worker ends, and has answered its last call: keep what still waits."""

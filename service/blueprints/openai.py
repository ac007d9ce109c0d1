"""OpenAI's routes: completions and chat completions, whole or streamed; and cancelling a request by its id."""

from flask import Blueprint, Response

from ..errors import RequestNotFound
from .context import answer, context, predictor
from .views import predict_views, view

__all__ = ["blueprint"]

blueprint = Blueprint("openai", __name__)
predict_views(blueprint)


@view(blueprint)
def cancel(request_id: str) -> Response:
    """200 where it was running, in any worker: it ends within a step of the engine. 404 where it was not."""
    if not predictor().cancellations.cancel(request_id, context().key):
        raise RequestNotFound(f"nothing runs under the id {request_id!r}; it may have ended by itself")
    return answer({"request_id": request_id, "cancelled": True})

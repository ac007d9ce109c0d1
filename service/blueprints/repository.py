"""Loading and unloading of models by admins: the repository extension of the Open Inference Protocol."""

from flask import Blueprint, Response, request

from ..errors import RequestError, Unavailable
from .context import answer, context, services
from .views import view

__all__ = ["blueprint"]

blueprint = Blueprint("repository", __name__)

PATIENCE = 30.0  # seconds that the request waits for the workers


@view(blueprint)
def load(name: str) -> Response:
    return change(name, load=True)


@view(blueprint)
def unload(name: str) -> Response:
    return change(name, load=False)


def change(name: str, *, load: bool) -> Response:
    """200 when every worker has followed; 202 while they are at it; 400 where the version is refused."""
    rollout = services().rollout
    if rollout is None:
        raise Unavailable("models are loaded and unloaded by the server's workers, and this process is none")
    context().model = name
    rollout.ask(name, load=load)
    # A worker of one thread answers no other request while it waits.
    entry = rollout.wait(name, PATIENCE if request.environ["wsgi.multithread"] else 0)
    if entry.refused:
        raise RequestError(f"{name} version {entry.refused.version} is refused: {entry.refused.reason}")
    known = {"name": name, "version": entry.serving}
    if entry.proposal:
        return answer(known | {"state": "LOADING" if load else "UNLOADING"}, 202)
    return answer(known | {"state": "READY" if entry.serving else "UNAVAILABLE"}, 200)

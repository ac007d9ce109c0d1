"""Loading and unloading of models by those who may: the repository extension of the Open Inference Protocol."""

from flask import Blueprint, current_app, request

from ..errors import RequestError, Unavailable
from .context import answer, exchange

__all__ = ["blueprint"]

blueprint = Blueprint("repository", __name__, url_prefix="/v2/repository/models")

PATIENCE = 30.0  # seconds that a caller is kept waiting for the workers


@blueprint.post("/<name>/load", defaults={"load": True})
@blueprint.post("/<name>/unload", defaults={"load": False})
def change(name, load):
    """200 when every worker has followed; 202 while they are at it; 400 where the version is refused."""
    swap = current_app.extensions["daylight.swap"]
    if swap is None:
        raise Unavailable("models are loaded and unloaded by the server's workers, and this process is none")
    exchange().model = name
    swap.ask(name, load=load)
    # A worker of one thread answers nobody else while it waits.
    entry = swap.wait(name, PATIENCE if request.environ["wsgi.multithread"] else 0)
    if entry["refused"]:
        raise RequestError("{0} version {version} is refused: {reason}".format(name, **entry["refused"]))
    if entry["proposal"]:
        state = "LOADING" if load else "UNLOADING"
    else:
        state = "READY" if entry["serving"] else "UNAVAILABLE"
    return answer({"name": name, "version": entry["serving"], "state": state}, 202 if entry["proposal"] else 200)

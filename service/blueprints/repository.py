"""Loading and unloading of models by admins: the repository extension of the Open Inference Protocol.

And, beside it, who has changed what of a model: in the store, and in this server by which API key.
"""

from dataclasses import asdict

from flask import Blueprint, Response, request

from ..errors import ModelNotFound, RequestError, StartupError, Unavailable
from .context import answer, context, predictor, services
from .views import view

__all__ = ["PATIENCE", "blueprint"]

blueprint = Blueprint("repository", __name__)

PATIENCE = 30.0  # seconds that the request waits for the workers


@view(blueprint)
def load(name: str) -> Response:
    return change(name, load=True)


@view(blueprint)
def unload(name: str) -> Response:
    return change(name, load=False)


@view(blueprint)
def history(name: str) -> Response:
    """The receipts of the store, oldest first, and what admins have asked of this server since it started."""
    store, rollout = predictor().store, services().rollout
    try:
        ledger = store.history_of(name)
        if not ledger.folder.is_dir():
            raise ModelNotFound(f"there is no model {name!r} in the store")
        receipts = ledger.receipts()
    except ValueError as error:
        raise ModelNotFound(str(error)) from None
    except StartupError as error:
        raise Unavailable(str(error)) from None
    context().model = name
    told = [
        asdict(receipt) | {"digest": receipt.digest, "key": store.keys.name_of(receipt.signature)}
        for receipt in receipts
    ]
    asked = rollout.registry.asked(name) if rollout else []
    return answer({"name": name, "history": told, "asked": asked})


def change(name: str, *, load: bool) -> Response:
    """200 when every worker has followed; 202 while they are at it; 400 where the version is refused."""
    rollout = services().rollout
    if rollout is None:
        raise Unavailable("models are loaded and unloaded by the server's workers, and this process is none")
    context().model = name
    try:
        rollout.ask(name, load=load)
        rollout.registry.note_asked(name, "load" if load else "unload", context().key)
    except OSError as error:
        raise Unavailable(f"the workers cannot be told, since their run folder cannot be written: {error}") from error
    # A worker of one thread answers no other request while it waits.
    entry = rollout.wait(name, PATIENCE if request.environ["wsgi.multithread"] else 0)
    if entry.refused:
        raise RequestError(f"{name} version {entry.refused.version} is refused: {entry.refused.reason}")
    known = {"name": name, "version": entry.serving}
    if entry.proposal:
        return answer(known | {"state": "LOADING" if load else "UNLOADING"}, 202)
    return answer(known | {"state": "READY" if entry.serving else "UNAVAILABLE"}, 200)

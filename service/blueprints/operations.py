"""The page for whoever runs the server, and what it does: check a version, promote it, roll back.

GET  /operations                            each model's figures, versions, history, and what is refused and why
GET  /operations/models/<name>/drift        how the last rows differ from the training sample
POST /operations/models/<name>/check        {"version": "2"}: load it beside, compare it; nothing changes
POST /operations/models/<name>/promote      {"version": "2", "why": "...", "breaking": false}
POST /operations/models/<name>/rollback     {"why": "..."}

Loading and unloading are the repository's routes. The page draws its figures from /metrics.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Set
from time import monotonic
from typing import Any

from flask import Blueprint, Response, request

from ..errors import ModelNotFound, RequestError, StartupError, Unavailable
from ..models.comparison import differences
from ..observability.drift.observer import Report
from ..server.lifecycle.running_servers import RunningServer
from ..server.lifecycle.shadow_told import shadow_of, shadow_told
from ..store.contract_changes import breaking
from ..store.shadow import read_shadow
from ..store.versions import Store
from ..web.access.api_keys import read
from ..web.handlers import read_request
from .context import answer, context, model_of, predictor, services
from .pages import HTML, guard, rendered
from .repository import PATIENCE
from .views import view

__all__ = ["blueprint"]

blueprint = Blueprint("operations", __name__)
blueprint.after_request(guard)

FIELDS = {"version": str, "why": str, "breaking": bool}
COMPARED = ("rows", "texts", "images", "inputs")  # on which a graph was compared with what it was made of
NAMED = {str: "a text", bool: "true or false"}


@view(blueprint)
def page() -> Response:
    serving = predictor()
    keys_file = serving.settings.keys_file
    models = [model_told(serving.store, name) for name in serving.store.models()]
    keys = read(keys_file) if keys_file else []
    rollout = services().rollout
    unready = rollout.unready() if rollout else []
    told = rendered("operations.html", models=models, keys=keys, unready=unready, awaited=serving.awaited)
    return Response(told, headers={"Cache-Control": "no-store"}, mimetype=HTML)


def model_told(store: Store, name: str) -> dict[str, Any]:
    """A model for the page: what is served and refused of it, its versions, newest first, and its history."""
    serving = predictor()
    model = serving.serving().get(name)
    served = model.version if model else None
    told: dict[str, Any] = {
        "name": name,
        "serving": served,
        "drift": drift_of(model),
        "refused": serving.refused.get(name),
        "fault": "",
        "shadow": "",
        "history": [],
    }
    try:
        receipts = store.history_of(name).receipts()
        way_back = next(iter(store.way_back(name)), None)
        versions = [version_told(store, name, version, served, receipts) for version in reversed(store.versions(name))]
    except (StartupError, ValueError) as error:
        return told | {"fault": str(error), "versions": [], "way_back": None}
    rollout = services().rollout
    asked = rollout.registry.asked(name) if rollout else []
    shadow = shadow_of(rollout.registry, name, read_shadow(store.root / name)) if rollout else None
    told["shadow"] = shadow_told(shadow) if shadow else ""
    return told | {"versions": versions, "way_back": way_back, "history": receipts[::-1], "asked": asked[::-1]}


def drift_of(model: Any) -> Report | None:
    """Of a model that is served; None where nothing is measured."""
    measured = services().drift
    return measured.report(model) if model is not None and measured is not None else None


@view(blueprint)
def drift(name: str) -> Response:
    """What all workers have counted of the last rows, against the sample that the version was packed with."""
    model = model_of(name)
    found = drift_of(model)
    if found is None:
        why = "DAYLIGHT_DRIFT_ROWS is 0" if services().drift is None else "it has no profile of a sample: pack it again"
        raise RequestError(f"drift of {model.name} version {model.version} is not measured: {why}")
    return answer(found.to_json())


def version_told(store: Store, name: str, version: str, served: str | None, receipts: Any) -> dict[str, Any]:
    """What the manifests say of a version, beside the one that answers; nothing is loaded for it."""
    of_version = [receipt for receipt in receipts if receipt.version == version]
    told = {
        "version": version,
        "packed": next((each for each in of_version if each.what == "pack"), None),
        "promoted": next((each for each in reversed(of_version) if each.current == version), None),
    }
    try:
        manifest = store.open(name, version).manifest
        changes = breaking(store.open(name, served).manifest, manifest) if served not in (None, version) else []
    except (StartupError, ValueError) as error:
        return told | {"fault": str(error)}
    return told | {"manifest": manifest, "proof": proof(manifest.spec.get("runtime", {})), "changes": changes}


def proof(runtime: Mapping[str, Any]) -> str:
    """What the manifest's entry of a version's runtime says of its proof, for people."""
    if "equal_tokens" in runtime:
        return f"{runtime['equal_tokens']:.1%} of the tokens equal torch's"
    compared = next((what for what in COMPARED if what in runtime), None)
    if runtime.get("name") != "onnx" or compared is None:
        return runtime.get("reason") or "its example is replayed at each load"
    reference = f" to {runtime['reference']}" if "reference" in runtime else ""
    return f"equal{reference} on {runtime[compared]} {compared}, at most {runtime['measured']:.4g} apart"


@view(blueprint)
def check(name: str) -> Response:
    """Load a version beside the one that answers, and say what callers would notice of it."""
    return answer(checked(name, asked_for({"version"})["version"]))


@view(blueprint)
def promote(name: str) -> Response:
    asked = asked_for({"version"}, {"why", "breaking"})
    version = asked["version"]
    found = checked(name, version)
    if found["breaking"] and not asked.get("breaking"):
        raise RequestError(
            f"{name} version {version} breaks callers: {'; '.join(found['breaking'])}. "
            'Send "breaking": true to promote it all the same'
        )
    return changed(name, version, lambda store: store.promote(name, version, why(asked)))


@view(blueprint)
def rollback(name: str) -> Response:
    asked = asked_for(set(), {"why"})
    version = written(lambda store: next(iter(store.way_back(known(name))), None))
    if version is None:
        raise RequestError(f"{name} has no version to go back to")
    checked(name, version)
    return changed(name, version, lambda store: store.rollback(name, why(asked)))


def asked_for(needed: Set[str], optional: Set[str] = frozenset()) -> dict[str, Any]:
    """The body, as an object with these fields. Raises RequestError with everything that is wrong with it."""
    sent = read_request(request.environ, context(), predictor().settings)
    value = sent.json if sent.content.strip() else {}
    if not isinstance(value, dict):
        raise RequestError(f"expected an object with {', '.join(sorted(needed | optional))}")
    faults = [f"{name} is missing" for name in sorted(needed - value.keys())]
    for name, item in value.items():
        if name not in needed | optional:
            faults.append(f"{name!r:.50} is not known; {', '.join(sorted(needed | optional))} are")
        elif not isinstance(item, FIELDS[name]):
            faults.append(f"{name} is to be {NAMED[FIELDS[name]]}")
    if faults:
        raise RequestError("; ".join(faults))
    return value


def why(asked: dict[str, Any]) -> str:
    """The reason for the history, with the API key that asked: the receipt itself names the server's user."""
    by = f"by key {context().key}" if context().key else "on the operations page"
    return f"{asked['why']} ({by})" if asked.get("why") else by


def known(name: str) -> str:
    """The name of a model of the store, noted for the log line. Raises ModelNotFound."""
    models = predictor().store.models()
    if name not in models:
        raise ModelNotFound(f"there is no model {name!r} in the store; there are {', '.join(models)}")
    context().model = name
    return name


def checked(name: str, version: str) -> dict[str, Any]:
    """A version loaded, its example replayed, compared with the one that answers. Raises RequestError with why not."""
    serving = predictor()
    current = serving.serving().get(known(name))
    try:
        new = serving.beside(name, version) if current is None or current.version != version else current
        compared = [] if current in (None, new) else list(differences(current, new))
        changes = [] if current in (None, new) else breaking(current.manifest, new.manifest)
    except (StartupError, ValueError) as error:
        raise RequestError(f"{name} version {version} cannot be served: {error}") from None
    serves = current.version if current else None
    return {"name": name, "version": version, "serving": serves, "breaking": changes, "differences": compared}


def written(change: Any) -> Any:
    """What a change of the store returns. Raises RequestError or Unavailable with a sentence."""
    try:
        return change(predictor().store)
    except (StartupError, ValueError) as error:
        raise RequestError(str(error)) from None
    except OSError as error:
        raise Unavailable(f"the store cannot be written: {error}") from error


def changed(name: str, version: str, change: Any) -> Response:
    """Change what is current and wait for the workers: 200; 202 while they are at it; 400, undone, if one refuses."""
    rollout, store = services().rollout, predictor().store
    if rollout is None:
        raise Unavailable("versions are promoted by the server's workers, and this process is none")
    before = next(iter(store.history_of(name).current_words()), None)
    written(change)
    stamp = store.stamps()[name]
    server = RunningServer(0, rollout.registry)
    # A worker of one thread answers no other request while it waits.
    ends, pause = monotonic() + (PATIENCE if request.environ["wsgi.multithread"] else 0), threading.Event()
    while not server.taken(name, version):
        reason = server.refusal(name, version, stamp)
        if reason:
            if before not in (None, version):
                undone = f"version {version} was refused: {reason}"
                written(lambda store, undone=undone: store.promote(name, before, undone))
            raise RequestError(f"{name} version {version} is refused, and {before or 'nothing'} stays: {reason}")
        if monotonic() >= ends:
            return answer({"name": name, "version": version, "state": "LOADING"}, 202)
        pause.wait(0.05)
    return answer({"name": name, "version": version, "state": "READY"})

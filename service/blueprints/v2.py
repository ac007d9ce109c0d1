"""Open Inference Protocol routes: health, metadata, infer, the index of the repository."""

from flask import Blueprint, request

from ..errors import ModelNotReady, RequestError
from ..web.handlers import read_body
from ..web.handlers_v2 import answer_v2
from ..wire import v2
from ..wire.json_body import parse
from .context import answer, exchange, predictor, served
from .converters import plain_names
from .health import check_ready

__all__ = ["blueprint"]

blueprint = Blueprint("v2", __name__, url_prefix="/v2")
blueprint.record_once(plain_names)


@blueprint.get("")
def server():
    return answer(v2.server())


@blueprint.get("/health/live")
def live():
    return answer({"live": True})


@blueprint.get("/health/ready")
def ready():
    check_ready()
    return answer({"live": True, "ready": True})


@blueprint.get("/models/<plain:name>")
@blueprint.get("/models/<plain:name>/versions/<plain:version>")
def metadata(name, version=None):
    model = served(predictor().find(name, version))
    return answer(v2.metadata(predictor().entry(model)))


@blueprint.get("/models/<plain:name>/ready")
@blueprint.get("/models/<plain:name>/versions/<plain:version>/ready")
def model_ready(name, version=None):
    model = served(predictor().find(name, version))
    if model.failure is not None:
        raise ModelNotReady(f"{name} can serve no more; the server's log says why")
    return answer({"name": name, "ready": True})


@blueprint.post("/models/<plain:name>/infer")
@blueprint.post("/models/<plain:name>/versions/<plain:version>/infer")
def infer(name, version=None):
    return answer(answer_v2(predictor(), exchange(), request.environ, name, version))


@blueprint.post("/repository/index")
def index():
    ready_only = asked_ready(read_body(request.environ, predictor().settings.max_body_bytes))
    entries = predictor().catalogue()
    told = {entry["name"] for entry in entries}
    others = dict.fromkeys((name for name in predictor().store.models() if name not in told), "it is not loaded")
    return answer(v2.index(entries, others, ready_only=ready_only))


def asked_ready(body):
    """Whether the body, which may be empty, asks for models that are ready alone."""
    asked = parse(body) if body.strip() else {}
    if not isinstance(asked, dict) or asked.keys() - {"ready"} or not isinstance(asked.get("ready", False), bool):
        raise RequestError('the request is not of the V2 form: expected {} or {"ready": true}')
    return asked.get("ready", False)

"""KServe V1 / TensorFlow Serving routes: the native dialect."""

from flask import Blueprint, request

from ..web.handlers import answer_v1
from ..wire import v1
from ..wire.v1.json_schema import request_schema
from ..wire.v1.metadata import signature
from .context import answer, exchange, predictor, served
from .converters import plain_names

__all__ = ["blueprint"]

blueprint = Blueprint("v1", __name__, url_prefix="/v1/models")
blueprint.record_once(plain_names)


@blueprint.get("")
def list_models():
    return answer(v1.list_models(predictor().catalogue()))


@blueprint.get("/<plain:name>")
@blueprint.get("/<plain:name>/versions/<plain:version>")
def describe(name, version=None):
    model = served(predictor().find(name, version))
    return answer(v1.describe(predictor().entry(model)))


@blueprint.get("/<plain:name>/schema")
@blueprint.get("/<plain:name>/versions/<plain:version>/schema")
def schema(name, version=None):
    model = served(predictor().find(name, version))
    return answer(request_schema(predictor().entry(model)))


@blueprint.get("/<plain:name>/metadata")
@blueprint.get("/<plain:name>/versions/<plain:version>/metadata")
def metadata(name, version=None):
    model = served(predictor().find(name, version))
    return answer(signature(predictor().entry(model)))


@blueprint.post("/<plain:name>:predict")
@blueprint.post("/<plain:name>/versions/<plain:version>:predict")
def predict(name, version=None):
    return answer(answer_v1(predictor(), exchange(), request.environ, name, version))

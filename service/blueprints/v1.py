"""KServe V1 / TensorFlow Serving routes: the native dialect."""

from flask import Blueprint, request

from service.answers import answer_v1
from service.blueprints.exchange import answer, exchange, predictor, served
from service.errors import RequestError
from service.wire import v1
from service.wire.json_schema import request_schema

__all__ = ["blueprint"]

blueprint = Blueprint("v1", __name__, url_prefix="/v1/models")


@blueprint.get("")
def list_models():
    return answer(v1.list_models(predictor().catalogue()))


@blueprint.get("/<name>")
@blueprint.get("/<name>/versions/<version>")
def describe(name, version=None):
    model = served(predictor().find(name, version))
    return answer(v1.describe(predictor().entry(model)))


@blueprint.get("/<name>/schema")
@blueprint.get("/<name>/versions/<version>/schema")
def schema(name, version=None):
    model = served(predictor().find(name, version))
    if model.kind != "tabular":
        raise RequestError(f"{name} is of kind {model.kind}; only tables have a schema of columns")
    return answer(request_schema(predictor().entry(model)))


@blueprint.post("/<name>:predict")
@blueprint.post("/<name>/versions/<version>:predict")
def predict(name, version=None):
    return answer(answer_v1(predictor(), exchange(), request.environ, name, version))

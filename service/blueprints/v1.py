"""KServe V1 / TensorFlow Serving routes: the native dialect."""

from flask import Blueprint

from service.blueprints.exchange import answer, body, predictor, served
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
    model = served(predictor().find(name, version))
    return PREDICT[model.kind](model)


def predict_table(model):
    instances, outputs, top_k = v1.decode_table(body())
    return answer(v1.encode_table(model, predictor().predict(model, instances, outputs, top_k), asked=outputs))


def predict_text(model):
    prompts, parameters = v1.decode_text(body())
    return answer(v1.encode_completions(model, predictor().generate(model, prompts, parameters)))


PREDICT = {"tabular": predict_table, "text_generation": predict_text}

"""The article's own routes: POST /predict, and GET /predict?text=..."""

from flask import Blueprint, request

from service.blueprints.exchange import answer, body, predictor, served
from service.errors import RequestError
from service.wire import article

__all__ = ["blueprint"]

blueprint = Blueprint("article", __name__)


@blueprint.get("/predict")
def predict_query():
    if "text" not in request.args:
        raise RequestError('send the text as a query (/predict?text=...), or POST a table or {"text": "..."}')
    return completed(*article.text_call(request.args["text"]))


@blueprint.post("/predict")
def predict():
    if "text" in request.args:
        return predict_query()
    kind, call = article.decode(body())
    if kind == "text_generation":
        return completed(*call)
    model = served(predictor().default(kind))
    return answer(article.encode_predictions(predictor().predict(model, call).predictions))


def completed(prompt, parameters):
    model = served(predictor().default("text_generation"))
    (completion,) = predictor().generate(model, [prompt], parameters)
    return answer(article.encode_text(completion.text))

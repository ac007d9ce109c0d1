"""The article's own routes: POST /predict, and GET /predict?text=..."""

from flask import Blueprint, request

from ..errors import RequestError
from ..web.handlers import answer_article, answer_article_text
from ..wire import article
from .context import answer, exchange, predictor

__all__ = ["blueprint"]

blueprint = Blueprint("article", __name__)


@blueprint.get("/predict")
def predict_query():
    if "text" not in request.args:
        raise RequestError('send the text as a query (/predict?text=...), or POST a table or {"text": "..."}')
    return answer(answer_article_text(predictor(), exchange(), *article.text_call(request.args["text"])))


@blueprint.post("/predict")
def predict():
    if "text" in request.args:
        return predict_query()
    return answer(answer_article(predictor(), exchange(), request.environ))

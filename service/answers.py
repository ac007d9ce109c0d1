"""The predict routes, from the environ to bytes of JSON, once for both ways in.

    body = answer_v1(predictor, exchange, environ, "tumour")     # b'{"predictions":["benign"],...}'

The blueprints call these, and so does the short way before Flask: neither has code of its own. Raises
ServiceError kinds, which `refusal` turns into the answer of the path's dialect.
"""

import logging

from service.errors import PayloadTooLarge, RequestError, ServiceError, error_body
from service.wire import article, error_form, v1
from service.wire.body import check_media_type, dump

__all__ = ["answer_article", "answer_article_text", "answer_v1", "read_body", "refusal", "unforeseen"]

log = logging.getLogger(__name__)


def read_body(environ, limit):
    """The request's bytes, at most `limit`, whatever the method of framing.

    Raises UnsupportedMediaType, PayloadTooLarge, or RequestError where the body breaks off.
    """
    check_media_type(environ.get("CONTENT_TYPE"))
    told = environ.get("CONTENT_LENGTH", "")
    length = int(told) if told.isdecimal() and told.isascii() else None
    if length is None and not environ.get("wsgi.input_terminated"):
        return b""  # without a length, only a server that ends the stream itself says where to stop
    if length is None or length <= limit:
        try:
            body = environ["wsgi.input"].read(limit + 1 if length is None else length)
        except Exception as error:  # chunks that are none, a connection that breaks: each server has its own names
            raise RequestError(f"the body could not be read to its end: {type(error).__name__}") from error
        if len(body) <= limit:
            return body
    raise PayloadTooLarge(f"the body is larger than {limit} bytes, the most taken")


def answer_v1(predictor, exchange, environ, name, version=None):
    """POST /v1/models/<name>[/versions/<version>]:predict."""
    model = predictor.find(name, version)
    exchange.model = model.name
    body = read_body(environ, predictor.settings.max_body_bytes)
    exchange.start()
    return V1[model.kind](predictor, exchange, model, body)


def v1_table(predictor, exchange, model, body):
    instances, outputs, top_k = v1.decode_table(body)
    exchange.lap("parse")
    answer = predictor.predict(model, instances, outputs, top_k)
    exchange.spent(answer.seconds)
    return encoded(exchange, v1.encode_table(model, answer, asked=outputs))


def v1_text(predictor, exchange, model, body):
    prompts, parameters = v1.decode_text(body)
    exchange.lap("parse")
    completions = predictor.generate(model, prompts, parameters)
    exchange.lap("predict")
    return encoded(exchange, v1.encode_completions(model, completions))


V1 = {"tabular": v1_table, "text_generation": v1_text}


def answer_article(predictor, exchange, environ):
    """POST /predict: a table or a text, whichever the body is."""
    body = read_body(environ, predictor.settings.max_body_bytes)
    exchange.start()
    kind, call = article.decode(body)
    if kind == "text_generation":
        return answer_article_text(predictor, exchange, *call)
    exchange.lap("parse")
    model = predictor.default("tabular")
    exchange.model = model.name
    answer = predictor.predict(model, call)
    exchange.spent(answer.seconds)
    return encoded(exchange, article.encode_predictions(answer.predictions))


def answer_article_text(predictor, exchange, prompt, parameters):
    """/predict with a text, from the body or from the query."""
    exchange.lap("parse")
    model = predictor.default("text_generation")
    exchange.model = model.name
    (completion,) = predictor.generate(model, [prompt], parameters)
    exchange.lap("predict")
    return encoded(exchange, article.encode_text(completion.text))


def encoded(exchange, value):
    body = dump(value)
    exchange.lap("encode")
    return body


def refusal(error, exchange, path):
    """A ServiceError as (status, {header: value}, bytes of JSON), in the dialect of the path."""
    exchange.seconds.clear()  # nothing was predicted
    body = error_form(path, error_body(error, exchange.id), error.status)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return error.status, headers, dump(body)


def unforeseen(exchange, method, path):
    """Our own fault, being handled right now: the caller gets an id to ask with, the log gets everything."""
    log.exception("%s %s failed, request %s", method, ascii(path), exchange.id)
    return ServiceError("something went wrong here; the log has it under the request id")

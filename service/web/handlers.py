"""The predict routes, from the environ to bytes of JSON, once for both ways in.

    body = answer_v1(predictor, exchange, environ, "tumour")     # b'{"predictions":["benign"],...}'

The blueprints call these, and so does the short way before Flask: neither has code of its own. Raises
ServiceError kinds, which `refusal` turns into the answer of the path's dialect.
"""

import logging

from ..errors import NotAcceptable, PayloadTooLarge, RequestError, ServiceError, error_body
from ..wire import article, error_form, mlflow, output_options, table_formats, v1
from ..wire.compression import expand
from ..wire.json_body import JSON, check_media_type, dump
from ..wire.negotiation import preferred

__all__ = ["answer_article", "answer_article_text", "answer_mlflow", "answer_v1", "read_body", "refusal", "unforeseen"]

log = logging.getLogger(__name__)

TABLES = tuple(table_formats.FORMS)
OFFERED = (JSON, *TABLES)
MLFLOW_TABLES = (table_formats.CSV,)
CONTENT_TYPES = {table_formats.CSV: f"{table_formats.CSV}; charset=utf-8"}  # without it many readers take Latin-1


def read_body(environ, limit, others=()):
    """The request's bytes, decompressed, at most `limit`, whatever the method of framing.

    others: media types that are taken besides JSON. Raises UnsupportedMediaType, PayloadTooLarge, or
    RequestError where the body breaks off.
    """
    check_media_type(environ.get("CONTENT_TYPE"), others)
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
            coding = environ.get("HTTP_CONTENT_ENCODING")
            return expand(body, coding, limit) if coding else body
    raise PayloadTooLarge(f"the body is larger than {limit} bytes, the most taken")


def answer_v1(predictor, exchange, environ, name, version=None):
    """POST /v1/models/<name>[/versions/<version>]:predict."""
    model = predictor.find(name, version)
    exchange.model = model.name
    return V1[model.kind](predictor, exchange, environ, model)


def v1_table(predictor, exchange, environ, model):
    accepted = preferred(environ.get("HTTP_ACCEPT"), OFFERED)
    media_type = check_media_type(environ.get("CONTENT_TYPE"), TABLES)
    body = read_body(environ, predictor.settings.max_body_bytes, TABLES)
    exchange.start()
    if media_type == JSON:
        instances, outputs, top_k = v1.decode_table(body)
    else:
        outputs, top_k = output_options.from_query(environ.get("QUERY_STRING"))
        instances = table(predictor, model, media_type, body)
    exchange.lap("parse")
    answer = predictor.predict(model, instances, outputs, top_k, exchange.deadline)
    exchange.spent(answer.seconds)
    if accepted[0] == JSON:
        return encoded(exchange, v1.encode_table(model, answer, asked=outputs))
    return negotiated(exchange, accepted, answer, lambda: v1.encode_table(model, answer, asked=outputs))


def v1_text(predictor, exchange, environ, model):
    preferred(environ.get("HTTP_ACCEPT"), OFFERED[:1])
    body = read_body(environ, predictor.settings.max_body_bytes)
    exchange.start()
    prompts, parameters = v1.decode_text(body)
    exchange.lap("parse")
    completions = predictor.generate(model, prompts, parameters, exchange)
    exchange.lap("predict")
    for one in completions:
        exchange.wrote(one.prompt_tokens, one.completion_tokens)
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
    answer = predictor.predict(model, call, deadline=exchange.deadline)
    exchange.spent(answer.seconds)
    return encoded(exchange, article.encode_predictions(answer.predictions))


def answer_article_text(predictor, exchange, prompt, parameters):
    """/predict with a text, from the body or from the query."""
    exchange.lap("parse")
    model = predictor.default("text_generation")
    exchange.model = model.name
    (completion,) = predictor.generate(model, [prompt], parameters, exchange)
    exchange.lap("predict")
    exchange.wrote(completion.prompt_tokens, completion.completion_tokens)
    return encoded(exchange, article.encode_text(completion.text))


def answer_mlflow(predictor, exchange, environ, name=None):
    """POST /invocations, or /endpoints/<name>/invocations."""
    model = predictor.default(kind_of_all(predictor)) if name is None else predictor.find(name)
    exchange.model = model.name
    return MLFLOW[model.kind](predictor, exchange, environ, model)


def kind_of_all(predictor):
    """What a route that names no model is about: texts only where nothing else is served."""
    kinds = {model.kind for model in predictor.serving().values()}
    return "text_generation" if kinds == {"text_generation"} else "tabular"


def mlflow_table(predictor, exchange, environ, model):
    media_type = check_media_type(environ.get("CONTENT_TYPE"), MLFLOW_TABLES)
    body = read_body(environ, predictor.settings.max_body_bytes, MLFLOW_TABLES)
    exchange.start()
    call = mlflow.decode(body) if media_type == JSON else mlflow.Call(table(predictor, model, media_type, body), {})
    outputs, top_k = output_options.from_values(call.params)
    exchange.lap("parse")
    answer = predictor.predict(model, call.instances, outputs, top_k, exchange.deadline)
    exchange.spent(answer.seconds)
    return encoded(exchange, mlflow.encode(answer, call.ignored))


def mlflow_text(predictor, exchange, environ, model):
    body = read_body(environ, predictor.settings.max_body_bytes)
    exchange.start()
    call = mlflow.decode(body)
    prompts = mlflow.prompts(call.instances)
    exchange.lap("parse")
    completions = predictor.generate(model, prompts, call.params, exchange)
    exchange.lap("predict")
    for one in completions:
        exchange.wrote(one.prompt_tokens, one.completion_tokens)
    return encoded(exchange, mlflow.encode_texts(completions, call.ignored))


MLFLOW = {"tabular": mlflow_table, "text_generation": mlflow_text}


def table(predictor, model, media_type, body):
    settings = predictor.settings
    return table_formats.decode(media_type, body, model.plan.columns, settings.max_rows, settings.max_body_bytes)


def negotiated(exchange, accepted, answer, as_json):
    """The answer in the first of the accepted forms that can hold it. Raises NotAcceptable."""
    for form in accepted:
        body = dump(as_json()) if form == JSON else table_formats.encode(form, answer.outputs)
        if body is not None:
            exchange.media_type = CONTENT_TYPES.get(form, form)
            exchange.lap("encode")
            return body
    named = ", ".join(form for form in OFFERED if form not in accepted)
    raise NotAcceptable(f"{', '.join(accepted)} cannot hold these outputs; there are also {named}")


def encoded(exchange, value):
    body = dump(value)
    exchange.lap("encode")
    return body


def refusal(error, exchange, path):
    """A ServiceError as (status, {header: value}, bytes of JSON), in the dialect of the path."""
    exchange.seconds.clear()  # nothing was predicted
    exchange.refused = error.code
    exchange.media_type = JSON
    body = error_form(path, error_body(error, exchange.id), error.status)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.challenge is not None:
        headers["WWW-Authenticate"] = error.challenge
    return error.status, headers, dump(body)


def unforeseen(exchange, method, path):
    """Our own fault, being handled right now: the caller gets an id to ask with, the log gets everything."""
    log.exception("%s %s failed, request %s", method, ascii(path), exchange.id)
    return ServiceError("something went wrong here; the log has it under the request id")

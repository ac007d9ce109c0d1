"""The predict routes, from the environ to the bytes of the answer: the same functions for the fast path and Flask.

    steps = predict(v1, predictor, context, environ, "tumour")
    model, call = next(steps)                       # decoded; whoever drives the steps has the model answer
    finish(steps, predictor, context)               # b'{"predictions":["benign"],...}': all steps, one after the other

A handler stops once, where the model is to compute: a worker lets requests that it has at the same time share a call.
A request names its model in the path (`predict`), in its body (`complete`), or not at all (`predict_default`, and
`predict` without a name). Whatever follows is the same for every dialect and capability: `respond`. All raise
ServiceError kinds, which error_response turns into an answer of the route's dialect.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

from ..capabilities import GENERATE_TEXT, Capability, summary
from ..errors import InvalidInstances, RequestError
from ..models.defaults import capabilities_of, columns_of, text_classifier
from ..wire import Decoded, Request
from ..wire.json_body import JSON, check_media_type
from ..wire.negotiation import preferred
from ..wire.tei import predict as tei_predict
from ..wire.v2 import LENGTH
from .body import decoded, read_body
from .context import RequestContext
from .streaming import EventStream

__all__ = ["Steps", "complete", "finish", "predict", "predict_default", "read_request", "run"]

JSON_LENGTH = "HTTP_" + LENGTH.upper().replace("-", "_")
Environ = dict[str, Any]
Steps = Generator[tuple[Any, Any], Any, "bytes | EventStream"]


def finish(steps: Steps, predictor: Any, context: RequestContext) -> bytes | EventStream:
    """All steps of a handler, the predictor answering its call. Raises ServiceError kinds."""
    try:
        model, call = next(steps)
        steps.send(run(predictor, model, call, context))
    except StopIteration as ended:
        return ended.value
    raise AssertionError("a handler stops once")


def run(predictor: Any, model: Any, call: Any, context: RequestContext) -> Any:
    """The predictor's answer to a call. Raises as Predictor.run."""
    try:
        return predictor.run(model, call, context)
    except InvalidInstances as error:
        for observer in predictor.observers:
            observer.refused(model, call, error)
        raise


def predict(
    dialect: Any,
    predictor: Any,
    context: RequestContext,
    environ: Environ,
    name: str | None = None,
    version: str | None = None,
) -> Steps:
    """A route that names its model in the path; without a name, the default of the dialect's first capability."""
    model = predictor.find(name, version) if name is not None else default_model(dialect, predictor)
    context.model = model.name
    adapter = dialect.ADAPTERS[capability_for(dialect, model)]
    request = read_request(environ, context, predictor.settings, adapter.media_types, adapter.answers)
    decoded = adapter.decode(request, model)
    return (yield from respond(dialect, predictor, context, model, request, decoded))


def predict_default(dialect: Any, predictor: Any, context: RequestContext, environ: Environ) -> Steps:
    """/predict: the body, or a text in the query, says which capability is asked for; its default model answers."""
    query = environ.get("QUERY_STRING")
    decoded = dialect.from_query(query) if query else None
    if decoded is not None:
        request, capability = Request(b""), decoded.call.capability
    elif environ["REQUEST_METHOD"] != "POST":
        raise RequestError('send the text as a query (/predict?text=...), or POST a table, {"text": "..."} or an image')
    else:
        request = read_request(environ, context, predictor.settings, dialect.MEDIA_TYPES)
        if request.media_type == JSON and is_of_tei(request.json, predictor):
            return (yield from classify(predictor, context, request))
        capability = dialect.capability_of(request)
        decoded = dialect.ADAPTERS[capability].decode(request, None)
    if capability is GENERATE_TEXT and (classifier := predictor.classifier()) is not None:
        model, decoded = classifier, dialect.text_as_row(request, query)
    else:
        model = predictor.default(capability)
    context.model = model.name
    return (yield from respond(dialect, predictor, context, model, request, decoded))


def is_of_tei(value: Any, predictor: Any) -> bool:
    """Whether a body is text-embeddings-inference's. As a table, it has columns of these names: it is one where a model
    here has any of them."""
    return tei_predict.is_meant(value) and value.keys().isdisjoint(columns_of(predictor.serving().values()))


def classify(predictor: Any, context: RequestContext, request: Request) -> Steps:
    """/predict with a body of text-embeddings-inference: the model that tells what a text is answers, in its form."""
    context.dialect = tei_predict
    decoded = tei_predict.decode(request, None)
    predictor.check_ready()
    model = text_classifier(predictor.serving().values(), predictor.settings)
    context.model = model.name
    return (yield from respond(tei_predict, predictor, context, model, request, decoded))


def complete(dialect: Any, predictor: Any, context: RequestContext, environ: Environ) -> Steps:
    """A route whose body may name its model, else the default answers, and which speaks of one capability."""
    ((capability, adapter),) = dialect.ADAPTERS.items()
    request = read_request(environ, context, predictor.settings)
    decoded = adapter.decode(request, None)
    model = predictor.default(capability) if decoded.model is None else predictor.find(decoded.model)
    context.model = model.name
    if capability not in model.capabilities:
        raise not_offered(model, [capability])
    return (yield from respond(dialect, predictor, context, model, request, decoded))


def respond(
    dialect: Any, predictor: Any, context: RequestContext, model: Any, request: Request, decoded: Decoded
) -> Steps:
    """Have the call answered, and encode the answer: whole, or as a stream of events that is still to be iterated."""
    context.lap("parse")
    context.names = decoded.names
    adapter = dialect.ADAPTERS[decoded.call.capability]
    if decoded.timeout is not None:
        context.limit_timeout(decoded.timeout)
    if decoded.stream and adapter.events is not None:
        # What is wrong with the request is raised by `start`, while the answer can still have a status of its own.
        work = predictor.start(model, decoded.call, context)
        ended = partial(tell_of_stream, predictor, model, decoded.call, context) if predictor.observers else None
        return EventStream(context, dialect, work, adapter.events(model, request, decoded), ended)
    answer = yield model, decoded.call
    context.record(answer)
    content, context.media_type, headers = adapter.encode(model, request, decoded, answer)
    if headers:
        context.more = (*context.more, *headers)
    context.lap("encode")
    for observer in predictor.observers:
        observer.answered(model, decoded.call, answer, context)
    return content


def tell_of_stream(
    predictor: Any, model: Any, call: Any, context: RequestContext, completions: Sequence[Any], seconds: float
) -> None:
    """Tell the observers of a call whose answer was streamed, at its end."""
    answer = model.answer(call, completions, seconds)
    for observer in predictor.observers:
        observer.answered(model, call, answer, context)


def read_request(
    environ: Environ,
    context: RequestContext,
    settings: Any,
    media_types: tuple[str, ...] = (),
    answers: tuple[str, ...] = (),
) -> Request:
    """The request as dialects see it, its body read and its media types checked.

    media_types: of bodies, besides JSON. answers: what Accept chooses from; empty: Accept is ignored. Raises
    NotAcceptable, UnsupportedMediaType, PayloadTooLarge, or RequestError where the body breaks off.
    """
    accepted = preferred(environ.get("HTTP_ACCEPT"), answers) if answers else (JSON,)
    media_type = check_media_type(environ.get("CONTENT_TYPE"), media_types)
    limit = settings.max_body_bytes
    content = read_body(environ, limit) if context.body is None else decoded(context.body, environ, limit)
    context.size = len(content)
    context.start()
    return Request(
        content,
        media_type,
        accepted,
        environ.get("QUERY_STRING", ""),
        environ.get(JSON_LENGTH),
        context.id,
        settings.max_rows,
        settings.max_body_bytes,
        environ.get("CONTENT_TYPE", ""),
    )


def default_model(dialect: Any, predictor: Any) -> Any:
    """The default model of the first of the dialect's capabilities that any served model has."""
    served = capabilities_of(predictor.serving().values())
    candidates = [capability for capability in dialect.ADAPTERS if capability in served]
    return predictor.default((candidates or [*dialect.ADAPTERS])[0])


def capability_for(dialect: Any, model: Any) -> Capability:
    """The first capability of the model that the dialect speaks of. Raises RequestError without one."""
    for capability in model.capabilities:
        if capability in dialect.ADAPTERS:
            return capability
    raise not_offered(model, dialect.ADAPTERS)


def not_offered(model: Any, capabilities: Any) -> RequestError:
    nouns = " and ".join(capability.noun for capability in capabilities)
    return RequestError(f"{model.name} {summary(model.capabilities)}; this route serves {nouns} alone")

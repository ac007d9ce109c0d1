"""OpenAI's routes: completions and chat completions, whole or streamed; and the end of a request by its id."""

from time import perf_counter

from flask import Blueprint, Response, request

from ..errors import RequestError, RequestNotFound, ServiceError
from ..web.handlers import read_body, refusal, unforeseen
from ..wire import openai
from ..wire.openai import sse
from ..wire.openai.response import Form
from .context import answer, exchange, predictor, served

__all__ = ["blueprint"]

PING_SECONDS = 10.0  # of silence; proxies and browsers give up after 30 or 60

blueprint = Blueprint("openai", __name__, url_prefix="/v1")


@blueprint.post("/completions")
def completions():
    return respond("completion", openai.decode_completion)


@blueprint.post("/chat/completions")
def chat_completions():
    return respond("chat", openai.decode_chat)


@blueprint.post("/requests/<request_id>/cancel")
def cancel(request_id):
    """200 where it was running, in any worker: it ends within a step of the engine. 404 where it was not."""
    if not predictor().cancels.cancel(request_id, exchange().key):
        raise RequestNotFound(f"nothing runs under the id {request_id!r}; it may have ended by itself")
    return answer({"request_id": request_id, "cancelled": True})


def respond(kind, decode):
    current = exchange()
    body = read_body(request.environ, predictor().settings.max_body_bytes)
    current.start()
    call = decode(body)
    model = served(predictor().find(call.model))
    if model.kind != "text_generation":
        raise RequestError(f"{model.name} is of kind {model.kind}; only text models complete")
    choices = model.choices(call.parameters, call.n, call.logprobs)
    current.lap("parse")
    form = Form(kind, call, model, current.id)
    # What is wrong with the request, or with the moment, is raised here: the answer has a status of its own still.
    texts = predictor().write(model, [(prompt, params) for prompt in call.prompts for params in choices], current)
    if call.stream:
        stream = Stream(current, form, texts, request.path)
        streamed = Response(stream, headers=sse.HEADERS, content_type=sse.MEDIA_TYPE)
        streamed.call_on_close(stream.close)  # also where it was never iterated
        return streamed
    with predictor().cancels.listed(current.id, current.key, texts.cancel):
        found = texts.collect()
    current.lap("predict")
    whole = form.whole(found)
    current.wrote(whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"])
    return answer(whole)


class Stream:
    """The frames of one request, from its first to its last; close() ends the work, whoever calls it first."""

    def __init__(self, current, form, texts, path):
        self.exchange, self.form, self.texts, self.path = current, form, texts, path
        self._listed = predictor().cancels.listed(current.id, current.key, texts.cancel)
        self._listed.__enter__()

    def __iter__(self):
        try:
            yield from self.frames()
        except ServiceError as error:
            yield self.failed(error)
        except Exception:
            yield self.failed(unforeseen(self.exchange, "POST", self.path))
        finally:
            self.close()

    def frames(self):
        generations, told = self.texts.generations, [0] * len(self.texts.generations)
        for place in range(len(generations)):
            if opening := self.form.opening(place):
                yield sse.data(opening)
        said = perf_counter()
        for place, piece in self.texts.pieces():
            if place is None:
                if perf_counter() - said > PING_SECONDS:
                    said = perf_counter()
                    yield sse.PING
                continue
            one = generations[place]
            logprobs = one.logprobs(told[place])
            told[place] = one.completion_tokens
            yield sse.data(self.form.chunk(place, piece, logprobs, one.finish_reason))
            said = perf_counter()
        if closing := self.form.closing(generations):
            yield sse.data(closing)
        yield sse.DONE

    def failed(self, error):
        """The status is spent: what went wrong is the last frame."""
        _, _, body = refusal(error, self.exchange, self.path)
        return b"data: " + body + b"\n\n"

    def close(self):
        listed, self._listed = self._listed, None
        if listed is None:
            return
        self.texts.close()
        listed.__exit__(None, None, None)
        usage = self.form.usage(self.texts.generations)
        self.exchange.wrote(usage["prompt_tokens"], usage["completion_tokens"])

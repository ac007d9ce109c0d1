"""A streamed answer: the events of one request, from its first to its last, in its dialect's form.

stream = EventStream(context, dialect, predictor.start(model, call, context), form)
for frame in stream: ...        # "data: {...}", ": ping", ..., "data: [DONE]", each as bytes with its empty line
stream.close()                  # ends the work; also from another thread, and more than once
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any

from ..capabilities import count_tokens
from ..errors import ServiceError
from ..wire.openai import sse
from .context import RequestContext
from .error_response import error_response, internal_error

__all__ = ["EventStream"]

PING_SECONDS = 10.0  # of silence; proxies and browsers give up after 30 or 60


class EventStream:
    """An iterable of frames.

    dialect: whose form errors have. request: a GenerationRequest. form: writes the frames (openai.response.Form).
    ended: None, or what is told the completions and the seconds they took, at the end of the stream.
    """

    headers = sse.HEADERS

    def __init__(
        self,
        context: RequestContext,
        dialect: Any,
        request: Any,
        form: Any,
        ended: Callable[[Sequence[Any], float], object] | None = None,
    ) -> None:
        self.context, self.dialect, self.request, self.form = context, dialect, request, form
        self._ended, self._began = ended, perf_counter()
        self._texts: list[list[str]] = [[] for _ in request.generations]
        self.media_type = form.media_type
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._frames()
        except ServiceError as error:
            yield from self._failure(error)
        except Exception:
            yield from self._failure(internal_error(self.context, "POST", self.context.route))
        finally:
            self.close()

    def close(self) -> None:
        """End the work, and record what it counted."""
        self.request.close()
        if self._open:
            self._open = False
            generations = self.request.generations
            self.context.tokens = count_tokens(generations, self.form.call.n)
            if self._ended is not None:
                pairs = zip(generations, self._texts, strict=True)
                completions = [generation.completion("".join(pieces)) for generation, pieces in pairs]
                self._ended(completions, perf_counter() - self._began)

    def _frames(self) -> Iterator[bytes]:
        generations = self.request.generations
        shown = [0] * len(generations)  # tokens of each completion whose logprobs were sent
        for place in range(len(generations)):
            yield from self.form.opening(place)
        last = perf_counter()
        for place, piece in self.request.pieces():
            if place is None:
                if self.form.ping and perf_counter() - last > PING_SECONDS:
                    last = perf_counter()
                    yield self.form.ping
                continue
            generation = generations[place]
            if self._ended is not None:
                self._texts[place].append(piece)
            logprobs = generation.logprobs(shown[place])
            shown[place] = generation.completion_tokens
            yield from self.form.chunk(place, piece, logprobs, generation.finish_reason)
            last = perf_counter()
        yield from self.form.closing(generations)

    def _failure(self, error: ServiceError) -> Iterator[bytes]:
        """The status has been sent: the error is the last event."""
        _, _, body = error_response(error, self.context, self.dialect)
        yield from self.form.failed(body)

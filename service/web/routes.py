"""The table of routes: which paths there are, in whose dialect, for whom, and what answers them.

    Route("POST", "/v1/models/<plain:name>:predict", "v1.predict", v1, predict)

Everything that has to know the routes is made from this one table: the fast path's pattern, Flask's rules (see
blueprints.views), the access policy's scopes, the dialect of an error, and the OpenAPI document. A path is written
as Flask writes rules; `<plain:name>` takes no colon, so that `GET .../tumour:predict` is a wrong method (405).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

from ..wire import article, mlflow, rerank, v1, v2
from ..wire.dialects import error_dialect
from ..wire.ollama import chat as ollama_chat
from ..wire.ollama import generate as ollama_generate
from ..wire.openai import chat, completions, embeddings, responses
from ..wire.tei import embed as tei_embed
from ..wire.tei import rerank as tei_rerank
from .access.policy import Scope
from .handlers import complete, predict, predict_default

__all__ = ["PREDICTING", "QUIET", "ROUTES", "Route", "dialect_of", "fast_route", "label_of", "scope_of"]

SEGMENT = re.compile(r"<(?:(\w+):)?(\w+)>")
CONVERTERS = {None: r"[^/]+", "plain": r"[^/:]+", "path": r".+"}
FAST_SEGMENT = r"[A-Za-z0-9._-]+"  # whatever else a name may hold is for Flask to decode


def not_predicting(*_: Any) -> Any:
    """Stands for the handler of a route that does not predict: Flask's view answers it."""
    raise LookupError("this route has no handler")


@dataclass(frozen=True, eq=False)
class Route:
    """One method and path.

    endpoint: `<blueprint>.<view>`. dialect: the module of service.wire whose form errors have; None: decided by the
    path's prefix. handler: of service.web.handlers, where the route predicts; then the fast path answers it, if
    `fast`, and Flask's view calls the same function. quiet: asked by machines again and again; where it is answered
    well, its line is written at the level DEBUG alone.
    """

    method: str
    path: str
    endpoint: str
    dialect: Any = None
    handler: Callable[..., Any] = not_predicting
    scope: Scope = Scope.PREDICT
    fast: bool = False
    quiet: bool = False

    @property
    def predicts(self) -> bool:
        return self.handler is not not_predicting

    @cached_property
    def label(self) -> str:
        """The path as metrics and logs show it: `/v1/models/<name>:predict`."""
        return label_of(self.path)

    @cached_property
    def template(self) -> str:
        """The path as OpenAPI writes it: `/v1/models/{name}:predict`."""
        return SEGMENT.sub(r"{\2}", self.path)

    @cached_property
    def segments(self) -> int:
        """How many of the path's segments are variable."""
        return len(SEGMENT.findall(self.path))

    @cached_property
    def paths(self) -> re.Pattern[str]:
        """Matches the paths of this route."""
        return re.compile(expression(self.path, CONVERTERS), re.DOTALL)

    @cached_property
    def any_names(self) -> re.Pattern[str]:
        """Matches the same, and names with a colon, which no model has."""
        return re.compile(expression(self.path, CONVERTERS | {"plain": CONVERTERS[None]}), re.DOTALL)

    @cached_property
    def guarded_paths(self) -> re.Pattern[str]:
        """Matches the paths that the route's scope is for: of an admin route all that begin as it does."""
        if self.scope is not Scope.ADMIN:
            return self.paths
        return re.compile(re.escape(self.path[: self.path.index("<")]) + ".*", re.DOTALL)


@cache
def label_of(rule: str) -> str:
    """A rule's path without its converters."""
    return SEGMENT.sub(r"<\2>", rule)


def expression(path: str, converters: dict[str | None, str], group: str = "(?:{})") -> str:
    """A rule's path as a regular expression; each segment's expression stands in `group`."""
    parts, start = [], 0
    for match in SEGMENT.finditer(path):
        parts += [re.escape(path[start : match.start()]), group.format(converters[match[1]])]
        start = match.end()
    return "".join([*parts, re.escape(path[start:])])


def versioned(method: str, path: str, *rest: Any, **options: Any) -> tuple[Route, Route]:
    """A model's route, and the same for one of its versions."""
    name = "<plain:name>"
    return (
        Route(method, path, *rest, **options),
        Route(method, path.replace(name, f"{name}/versions/<plain:version>"), *rest, **options),
    )


ROUTES = (
    Route("GET", "/", "pages.front", scope=Scope.PAGE),
    Route("GET", "/models/<plain:name>", "pages.model", scope=Scope.PAGE),
    Route("GET", "/operations", "operations.page", scope=Scope.ADMIN_PAGE),
    Route("POST", "/operations/models/<plain:name>/check", "operations.check", v1, scope=Scope.ADMIN),
    Route("POST", "/operations/models/<plain:name>/promote", "operations.promote", v1, scope=Scope.ADMIN),
    Route("POST", "/operations/models/<plain:name>/rollback", "operations.rollback", v1, scope=Scope.ADMIN),
    Route("GET", "/operations/models/<plain:name>/drift", "operations.drift", v1, scope=Scope.ADMIN),
    Route("GET", "/activity", "pages.activity", quiet=True),
    Route("GET", "/assets/<digest>/<path:name>", "pages.asset", scope=Scope.OPEN, quiet=True),
    Route("GET", "/docs", "docs.page", scope=Scope.PAGE),
    Route("GET", "/openapi.json", "docs.openapi"),
    # the article
    Route("POST", "/predict", "article.predict", article, predict_default, fast=True),
    Route("GET", "/predict", "article.predict_query", article, predict_default),
    # KServe V1 and TensorFlow Serving
    # The first two are OpenAI's as well, whose clients read its form of an error alone.
    Route("GET", "/v1/models", "v1.list_models", completions),
    *versioned("GET", "/v1/models/<plain:name>", "v1.describe", completions),
    *versioned("GET", "/v1/models/<plain:name>/schema", "v1.schema", v1),
    *versioned("GET", "/v1/models/<plain:name>/metadata", "v1.metadata", v1),
    *versioned("POST", "/v1/models/<plain:name>:predict", "v1.predict", v1, predict, fast=True),
    # the Open Inference Protocol
    Route("GET", "/v2", "v2.server", v2),
    Route("GET", "/v2/health/live", "v2.live", v2, scope=Scope.OPEN, quiet=True),
    Route("GET", "/v2/health/ready", "v2.ready", v2, scope=Scope.OPEN, quiet=True),
    *versioned("GET", "/v2/models/<plain:name>", "v2.metadata", v2),
    *versioned("GET", "/v2/models/<plain:name>/ready", "v2.model_ready", v2),
    *versioned("POST", "/v2/models/<plain:name>/infer", "v2.infer", v2, predict, fast=True),
    Route("POST", "/v2/repository/index", "v2.index", v2),
    Route("POST", "/v2/repository/models/<name>/load", "repository.load", v2, scope=Scope.ADMIN),
    Route("POST", "/v2/repository/models/<name>/unload", "repository.unload", v2, scope=Scope.ADMIN),
    Route("GET", "/v2/repository/models/<name>/history", "repository.history", v2, scope=Scope.ADMIN),
    # MLflow's scoring server
    Route("POST", "/invocations", "mlflow.invocations", mlflow, predict, fast=True),
    Route("POST", "/endpoints/<plain:name>/invocations", "mlflow.invocations", mlflow, predict, fast=True),
    Route("GET", "/ping", "mlflow.ping", mlflow, scope=Scope.OPEN, quiet=True),
    Route("GET", "/health", "mlflow.ping", mlflow, scope=Scope.OPEN, quiet=True),
    Route("GET", "/version", "mlflow.version", mlflow, scope=Scope.OPEN),
    # OpenAI
    Route("POST", "/v1/completions", "openai.completions", completions, complete),
    Route("POST", "/v1/chat/completions", "openai.chat_completions", chat, complete),
    Route("POST", "/v1/responses", "openai.responses", responses, complete),
    Route("POST", "/v1/embeddings", "openai.embeddings", embeddings, complete, fast=True),
    Route("POST", "/v1/rerank", "openai.rerank", rerank, complete, fast=True),
    Route("POST", "/v1/requests/<request_id>/cancel", "openai.cancel", completions),
    # text-embeddings-inference
    Route("POST", "/embed", "tei.embed", tei_embed, predict, fast=True),
    Route("POST", "/rerank", "tei.rerank", tei_rerank, complete, fast=True),
    # Ollama
    Route("POST", "/api/chat", "ollama.chat", ollama_chat, complete),
    Route("POST", "/api/generate", "ollama.generate", ollama_generate, complete),
    Route("GET", "/api/tags", "ollama.tags", ollama_chat),
    Route("POST", "/api/show", "ollama.show", ollama_chat),
    Route("GET", "/api/version", "ollama.version", ollama_chat, scope=Scope.OPEN),
    # the server itself
    Route("GET", "/health/live", "health.live", scope=Scope.OPEN, quiet=True),
    Route("GET", "/health/ready", "health.ready", scope=Scope.OPEN, quiet=True),
    Route("GET", "/metrics", "metrics.metrics", scope=Scope.METRICS, quiet=True),
)


PREDICTING = frozenset(route.label for route in ROUTES if route.predicts)  # labels of the routes that predict
QUIET = frozenset(route.label for route in ROUTES if route.quiet)  # labels of these routes
FAST = [route for route in ROUTES if route.fast]
# One pattern for all of them: a group around each route, and in it one around each of its segments.
FAST_PATTERN = re.compile(
    "|".join(f"({expression(route.path, dict.fromkeys(CONVERTERS, FAST_SEGMENT), '({})')})" for route in FAST)
)
FAST_GROUPS = {1 + sum(1 + earlier.segments for earlier in FAST[:place]): route for place, route in enumerate(FAST)}
# The patterns of single routes are compiled when they are first needed: all of them take 8 ms of a worker's start.
SCOPED = [route for route in ROUTES if route.scope is not Scope.PREDICT]
WITH_DIALECT = [route for route in ROUTES if route.dialect is not None]


@lru_cache(maxsize=256)
def fast_route(path: str) -> tuple[Route, tuple[str, ...]] | None:
    """(the route of a POST to this path, its arguments), where the fast path may answer it; else None."""
    match = FAST_PATTERN.fullmatch(path)
    if match is None:
        return None
    group = match.lastindex or 0  # the route's own group closes last
    route = FAST_GROUPS[group]
    return route, match.groups()[group : group + route.segments]


@lru_cache(maxsize=256)
def scope_of(path: str) -> Scope:
    """Who may use a path, whatever the method; a path without a route is PREDICT's, too."""
    return next((route.scope for route in SCOPED if route.guarded_paths.fullmatch(path)), Scope.PREDICT)


@lru_cache(maxsize=256)
def dialect_of(method: str, path: str) -> Any:
    """The dialect in whose form the errors of this path are: of its route, whatever the method; else of the route that
    it would be if a name might hold a colon, as `llama3.2:1b` does, which OpenAI's clients ask for.
    """
    exact = (route.dialect for route in WITH_DIALECT if route.paths.fullmatch(path))
    near = (route.dialect for route in WITH_DIALECT if route.method == method and route.any_names.fullmatch(path))
    return error_dialect(next(exact, None) or next(near, None), path)

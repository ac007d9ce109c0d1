"""Views and the table of routes: Flask's rules are made from web.routes, and nowhere else.

blueprint = Blueprint("v1", __name__)

@view(blueprint)                            # the rules of every route whose endpoint is "v1.describe"
def describe(name, version=None): ...

predict_views(blueprint)                    # a view for each route of the blueprint that predicts
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.routing import BaseConverter

from ..web.handlers import finish
from ..web.routes import ROUTES, Route
from ..web.streaming import EventStream
from .context import answer, context, predictor

__all__ = ["predict_views", "view"]


class Plain(BaseConverter):
    """A name in a path without a colon, so that `GET .../tumour:predict` is a wrong method (405)."""

    regex = "[^/:]+"


def view(blueprint: Blueprint) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the view of the routes that name it."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        routes = [route for route in ROUTES if route.endpoint == f"{blueprint.name}.{function.__name__}"]
        if not routes:
            raise LookupError(f"no route names the view {blueprint.name}.{function.__name__}")
        for route in routes:
            add(blueprint, route, function)
        return function

    return register


def predict_views(blueprint: Blueprint) -> None:
    """Register a view for each of the blueprint's endpoints that has a handler: it calls what the fast path calls."""
    functions: dict[str, Callable[..., Response]] = {}
    for route in ROUTES:
        if route.predicts and route.endpoint.partition(".")[0] == blueprint.name:
            add(blueprint, route, functions.setdefault(route.endpoint, partial(handled, route)))


def add(blueprint: Blueprint, route: Route, function: Callable[..., Any]) -> None:
    def register(state: Any) -> None:
        state.app.url_map.converters.setdefault("plain", Plain)
        state.add_url_rule(route.path, route.endpoint.partition(".")[2], function, methods=[route.method])

    blueprint.record(register)


def handled(route: Route, **arguments: str) -> Response:
    """The answer of the route's handler, whole or streamed."""
    steps = route.handler(route.dialect, predictor(), context(), request.environ, **arguments)
    body = finish(steps, predictor(), context())
    if not isinstance(body, EventStream):
        return answer(body)
    response = Response(body, headers=body.headers, content_type=body.media_type)
    response.call_on_close(body.close)  # also where the stream was never iterated
    return response

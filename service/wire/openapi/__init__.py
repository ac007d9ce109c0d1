"""The OpenAPI 3.1 document of what this server really serves.

    described = document(predictor.catalogue(), ROUTES)
    described["paths"]["/v1/models/tumour:predict"]["post"]["summary"]

One file of `routes/` describes the views of the blueprint of its name; which paths they have stands in the table of
routes (web.routes). The errors are made by the code that answers with them (failures.py). Imported when the document
is first requested. Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from apispec import APISpec

from . import failures, models
from .parts import HEADERS, PARAMETERS, SECURITY
from .paths import expanded, operation_object

__all__ = ["OPENAPI", "document"]

OPENAPI = "3.1.0"
ABOUT = (
    "What this server serves now: every model with its own columns, in every dialect. "
    "HEAD works where GET does, OPTIONS everywhere. Ranges of columns are told, not enforced: a model may "
    "extrapolate. What a schema cannot say (columns of unequal length, a value the model cannot compute with, "
    "a text longer than the model's context) is refused, and the place is named."
)


def document(
    catalogue: list[dict[str, Any]], routes: Iterable[Any], *, secured: bool = False, root: str = ""
) -> dict[str, Any]:
    """The document as a JSON-ready dict.

    catalogue: the entries of Predictor.catalogue(). routes: web.routes.ROUTES. secured: whether API keys are asked
    for. root: the path the service is mounted at. A view that no module of `routes/` describes is left out.
    """
    spec = APISpec("Daylight", "1", OPENAPI, info={"description": ABOUT}, servers=[{"url": root or "/"}])
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    for name, parameter in PARAMETERS.items():
        spec.components.parameter(name, "header", parameter)
    if secured:
        for name, scheme in SECURITY.items():
            spec.components.security_scheme(name, scheme)
        spec.options["security"] = [{name: []} for name in SECURITY]
    for name, schema in models.schemas(catalogue).items():
        spec.components.schema(name, schema)
    refusals = failures.Refusals(spec, secured)
    by_blueprint: dict[str, list[Any]] = {}
    for route in routes:
        by_blueprint.setdefault(route.endpoint.partition(".")[0], []).append(route)
    for blueprint, its_routes in by_blueprint.items():
        described = descriptions(blueprint)
        if described is not None:
            spec.tag(described.TAG)
            for route in its_routes:
                add(spec, refusals, described, route, catalogue)
    return spec.to_dict()


def descriptions(blueprint: str) -> ModuleType | None:
    """The module of `routes/` that describes a blueprint's views; None without one."""
    module = f"{__name__}.routes.{blueprint}"
    return import_module(module) if find_spec(module) else None


def add(spec: APISpec, refusals: failures.Refusals, described: ModuleType, route: Any, catalogue: list[Any]) -> None:
    """One route, once for each model that it serves, into the document."""
    describe = described.OPERATIONS.get(f"{route.method} {route.endpoint.partition('.')[2]}")
    if describe is None:
        return
    parameter = getattr(described, "MODEL", None)
    for place in expanded(route.template, parameter, catalogue):
        if route.predicts and place.entry is not None and not speaks(route.dialect, place.entry):
            continue
        unserved = parameter is not None and place.entry is None and f"{{{parameter}}}" in place.path
        operation = None if unserved else describe(place)
        described_operation = operation_object(operation, place, route, refusals)
        tagged = {"tags": [described.TAG["name"]], **described_operation}
        spec.path(place.path, operations={route.method.lower(): tagged})


def speaks(dialect: Any, entry: dict[str, Any]) -> bool:
    """Whether the dialect has an adapter for a capability of the model."""
    return any(capability.name in entry["capabilities"] for capability in dialect.ADAPTERS)

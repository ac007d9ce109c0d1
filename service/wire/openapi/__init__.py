"""The OpenAPI 3.1 document of what this server really serves.

    described = document(predictor.catalogue(), routes)
    described["paths"]["/v1/models/tumour:predict"]["post"]["summary"]

One file of `routes/` describes the views of the blueprint of its name: a dialect describes itself there, and
nothing else has to know. The errors are made by the code that answers with them (failures.py). Imported only
where somebody asks for the document. Source: https://spec.openapis.org/oas/v3.1.0
"""

from importlib import import_module
from importlib.util import find_spec

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
    "a text longer than the model's context) is answered with 422 and the place."
)


def document(catalogue, routes, *, secured=False, root=""):
    """The document as a JSON-ready dict.

    catalogue: the entries of Predictor.catalogue(). routes: (endpoint, path template, methods) of each rule,
    endpoints as `<blueprint>.<view>`. secured: whether API keys are asked for. root: the path the service is
    mounted at. A view that nobody describes is left out.
    """
    spec = APISpec("Daylight", "1", OPENAPI, info={"description": ABOUT}, servers=[{"url": root or "/"}])
    for kind, parts in (("header", HEADERS), ("parameter", PARAMETERS)):
        for name, part in parts.items():
            getattr(spec.components, kind)(name, *(("header",) if kind == "parameter" else ()), part)
    if secured:
        for name, scheme in SECURITY.items():
            spec.components.security_scheme(name, scheme)
        spec.options["security"] = [{name: []} for name in SECURITY]
    for name, schema in models.schemas(catalogue).items():
        spec.components.schema(name, schema)
    refusals = failures.Refusals(spec, secured)
    for blueprint in dict.fromkeys(endpoint.partition(".")[0] for endpoint, _, _ in routes):
        module = f"{__name__}.routes.{blueprint}"
        if find_spec(module) is None:
            continue
        described = import_module(module)
        spec.tag(described.TAG)
        for endpoint, template, methods in routes:
            room, _, view = endpoint.partition(".")
            if room == blueprint:
                for method in sorted(methods):
                    describe = described.OPERATIONS.get(f"{method} {view}")
                    if describe is not None:
                        add(spec, refusals, described, describe, (template, method), catalogue)
    return spec.to_dict()


def add(spec, refusals, described, describe, route, catalogue):
    """One route, once for each model that it serves, into the document."""
    template, method = route
    parameter = getattr(described, "MODEL", None)
    for place in expanded(template, parameter, catalogue):
        unserved = parameter is not None and place.entry is None and f"{{{parameter}}}" in place.path
        operation = None if unserved else describe(place)
        made = operation_object(operation, place, method, refusals)
        spec.path(place.path, operations={method.lower(): {"tags": [described.TAG["name"]], **made}})

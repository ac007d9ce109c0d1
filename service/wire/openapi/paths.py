"""Routes as paths of the document: a route that names a model becomes one path for each model, with its columns."""

import re
from typing import NamedTuple

from .parts import ALWAYS, PARAMETERS, Operation, json

__all__ = ["Place", "expanded", "operation_object"]

PARAMETER = re.compile(r"\{([^{}]+)\}")


class Place(NamedTuple):
    """Where an operation stands: its path, the model it is of (an entry of the catalogue, or None), all models."""

    path: str
    entry: dict | None
    catalogue: list

    @property
    def versioned(self):
        """Whether the caller chooses among several versions, whose columns may differ."""
        return "{version}" in self.path and self.entry is not None and len(self.entry["versions"]) > 1

    def having(self, capability):
        """The entries of the models with a capability."""
        return [entry for entry in self.catalogue if capability.name in entry["capabilities"]]

    def default(self, capability):
        """The entry that answers where no model is named; None where there is none."""
        return self.default_for(capability.name)

    def default_for(self, what):
        """The same, of a capability's name, or CLASSIFY_TEXT."""
        return next((entry for entry in self.catalogue if what in entry["default_for"]), None)


def expanded(template, parameter, catalogue):
    """The places of one path template; `parameter` is the one that names a model."""
    named = f"{{{parameter}}}"
    if named not in template or not catalogue:
        return [Place(template, None, catalogue)]
    return [Place(template.replace(named, entry["name"], 1), entry, catalogue) for entry in catalogue]


def operation_object(operation, place, route, refusals):
    """An Operation as OpenAPI's operation object."""
    if operation is None:  # a model's route, and no model is served
        operation = Operation("No model is served now", json({}), errors=(404, 503))
    answer = {
        "description": operation.says,
        "headers": {**ALWAYS, **operation.headers},
        "content": operation.answer,
    }
    described = {
        "operationId": operation_id(place.path, route.method),
        "summary": operation.summary,
        "parameters": [*path_parameters(place, operation), *operation.parameters, *PARAMETERS],
        "responses": {"200": answer, **refusals.of(route.dialect, place.path, operation), **operation.others},
    }
    if operation.open and refusals.secured:
        described["security"] = []
    if operation.description:
        described["description"] = operation.description
    if operation.body is not None:
        described["requestBody"] = {"required": operation.body_required, "content": operation.body}
    return described


def operation_id(path, method):
    """The method and the path: unique, and as good as a name: post_v1_models_tumour_predict."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", f"{method.lower()} {path}").strip("_")


def path_parameters(place, operation):
    for name in PARAMETER.findall(place.path):
        schema = dict(operation.path.get(name, {"type": "string"}))
        if name == "version" and place.entry:
            schema["enum"] = list(place.entry["versions"])
        yield {"in": "path", "name": name, "required": True, "schema": schema}

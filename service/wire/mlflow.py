"""MLflow's scoring protocol: one of four forms of table, and what clients of its server expect back.

    {"dataframe_split": {"columns": ["age"], "data": [[31], [44]]}}  ->  {"predictions": ["yes", "no"]}

Protocol: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ (`dataframe_split`, `dataframe_records`,
`instances`, `inputs`; `params`). For tables `params` may hold `outputs` and `top_k`, for texts sampling parameters.
"""

import re
from typing import NamedTuple

from ..errors import RequestError
from .json_body import parse
from .table_formats.parts import check_names, fault, refuse

__all__ = ["ROUTES", "VERSION", "Call", "decode", "encode", "encode_texts", "error_body", "prompts"]

ROUTES = re.compile(r"/(?:invocations|ping|health|version)$|/endpoints/")
VERSION = "3.17.2"  # the release whose protocol this is, and whose clients the tests drive
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Call(NamedTuple):
    """`instances`: rows, or an object of columns. `params`: {name: value}. `ignored`: a sentence a key of no use."""

    instances: object
    params: dict
    ignored: tuple = ()


def decode(body):
    """Bytes of JSON -> Call. Raises RequestError or InvalidInstances."""
    value = parse(body)
    if not isinstance(value, dict):
        raise RequestError(f"send an object with one of {', '.join(FORMS)}")
    forms = [form for form in FORMS if form in value]
    if len(forms) != 1:
        raise RequestError(f"exactly one of {', '.join(FORMS)} is expected, got {', '.join(forms) or 'none of them'}")
    (form,) = forms
    params = value.get("params")
    if not isinstance(params, dict | None):
        raise RequestError("params: expected an object")
    ignored = tuple(
        f"key {key[:80]!r} means nothing here and was ignored" for key in value if key not in (form, "params")
    )
    instances = split(value[form]) if form == "dataframe_split" else value[form]
    if form == "dataframe_records" and not isinstance(instances, list):
        raise RequestError("dataframe_records: expected a list of objects")
    return Call(instances, params or {}, ignored[:10])


def split(value):
    """{"columns", "data", "index"}, as `DataFrame.to_dict(orient="split")` gives it -> an object of columns.

    Without `columns` the rows are in the order the model was fitted on. `index` says nothing about the rows.
    """
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise RequestError("dataframe_split: expected an object with a list of rows as data")
    rows, columns = value["data"], value.get("columns")
    if columns is None or not rows:
        return rows
    if not isinstance(columns, list) or not all(isinstance(name, str | int | float) for name in columns):
        raise RequestError("dataframe_split: expected a list of names as columns")
    names = list(map(str, columns))
    check_names(names)
    if set(map(type, rows)) != {list} or set(map(len, rows)) != {len(names)}:
        told = f"a list of {len(names)} values, one a column"
        got = ((row, f"{len(cells)} values" if type(cells) is list else "no list") for row, cells in enumerate(rows))
        refuse([fault(told, one, row=row) for row, one in got if one != f"{len(names)} values"])
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def prompts(instances):
    """The texts of a call for a text model: one text, a list of them, or a table of one column."""
    if isinstance(instances, str):
        return [instances]
    if isinstance(instances, dict) and len(instances) == 1:
        (instances,) = instances.values()
        instances = [instances] if isinstance(instances, str) else instances
    if not isinstance(instances, list) or not instances:
        raise RequestError("send texts: a list of strings, or a table of one column")
    found = [one_text(instance) for instance in instances]
    refuse([fault("a text", "none", row=row) for row, text in enumerate(found) if text is None])
    return found


def one_text(instance):
    while isinstance(instance, dict | list) and len(instance) == 1:
        (instance,) = instance.values() if isinstance(instance, dict) else instance
    return instance if isinstance(instance, str) else None


def encode(answer, ignored=()):
    """A TabularAnswer -> `predictions`: a value a row, or an object a row where several outputs were asked for."""
    names, columns = list(answer.outputs), list(answer.outputs.values())
    several = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] if len(names) > 1 else None
    body = {"predictions": several or answer.predictions}
    warnings = [*answer.warnings, *ignored]
    return body | {"warnings": warnings} if warnings else body


def encode_texts(completions, ignored=()):
    body = {"predictions": [one.text for one in completions]}
    return body | {"warnings": list(ignored)} if ignored else body


def error_body(body, status):
    """MLflow's `error_code` and `message`; details and request_id stand beside them."""
    fault = dict(body["error"])
    del fault["code"]
    code = CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")
    return {"error_code": code, "message": fault.pop("message"), **fault}

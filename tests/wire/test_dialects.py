"""One contract: the same rows through every dialect give the same predictions, and the same violations."""

import json
import struct

import numpy as np
import pandas as pd
import pytest

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from service.wire.table_formats import ARROW, CSV, PARQUET
from tests.support.tables import WRITE, records
from tests.support.zoo import animals

SAMPLE = (
    "svc",
    "knn",
    "multilabel",
    "kmeans_float32",
    "pixels",
    "ridge",
    "several_numbers",
    "scaler",
    "one_hot_ignore",
    "two_labels",
    "categories_from_dtype",
    "nullable_dtypes",
    "tfidf",
    "dates",
)
ROWS = 12
NUMBERS = {int, float, type(None)}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """(a test client, {model: its first rows as objects of plain values})."""
    store = tmp_path_factory.mktemp("dialects")
    tables = {}
    for animal in animals(*SAMPLE):
        pack(animal.estimator, animal.X, animal.y, name=animal.name, store=store)
        tables[animal.name] = records(animal.X[:ROWS])
    return create_app(Settings(store=store)).test_client(), tables


def by_column(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def v1_objects(name, rows):
    return f"/v1/models/{name}:predict", {"json": {"instances": rows}}


def v1_lists(name, rows):
    return f"/v1/models/{name}:predict", {"json": {"instances": [list(row.values()) for row in rows]}}


def v1_columns(name, rows):
    return f"/v1/models/{name}:predict", {"json": {"inputs": by_column(rows)}}


def v2_tensor(name, rows):
    """One tensor of two dimensions, for tables of numbers alone or of texts alone; None for others."""
    cells = [list(row.values()) for row in rows]
    types = {type(cell) for row in cells for cell in row}
    datatype = "FP64" if float in types or int in types else "BYTES"
    if bool in types or (datatype == "FP64" and not sound(rows)):
        return None
    entry = {"name": "x", "datatype": datatype, "shape": [len(rows), len(cells[0])], "data": cells}
    return f"/v2/models/{name}/infer", {"json": {"inputs": [entry]}}


def sound(rows):
    """Whether every column is of numbers, but for one cell of one of them at most."""
    strange = [cell for row in rows for cell in row.values() if type(cell) not in NUMBERS]
    return len(strange) <= 1


def v2_columns(name, rows):
    """An input per column, as mlserver's codec for frames writes it: mixed cells are texts of JSON."""
    entries = []
    for column, cells in by_column(rows).items():
        types = set(map(type, cells)) - {type(None)}
        entry = {"name": column, "shape": [len(cells), 1], "data": cells}
        if types <= {str}:
            entry["datatype"] = "BYTES"
        elif len(types) == 1:
            entry["datatype"] = {bool: "BOOL", int: "INT64", float: "FP64"}[types.pop()]
        elif types <= NUMBERS:
            entry["datatype"] = "FP64"
        else:
            entry |= {
                "datatype": "BYTES",
                "data": list(map(json.dumps, cells)),
                "parameters": {"content_type": "pd_json"},
            }
        entries.append(entry)
    return f"/v2/models/{name}/infer", {"json": {"inputs": entries, "parameters": {"content_type": "pd"}}}


def v2_binary(name, rows):
    """The same in the binary extension, where NaN is the only hole; None where a text is missing or cells are mixed."""
    entries, raws = [], []
    for column, cells in by_column(rows).items():
        types = set(map(type, cells))
        if types == {str}:
            datatype, raw = "BYTES", b"".join(struct.pack("<I", len(one.encode())) + one.encode() for one in cells)
        elif types == {bool}:
            datatype, raw = "BOOL", np.array(cells).tobytes()
        elif types <= NUMBERS:
            datatype, raw = "FP64", np.array(cells, dtype="<f8").tobytes()
        else:
            return None
        size = {"binary_data_size": len(raw)}
        entries.append({"name": column, "shape": [len(cells)], "datatype": datatype, "parameters": size})
        raws.append(raw)
    head = json.dumps({"inputs": entries, "parameters": {"content_type": "pd"}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return f"/v2/models/{name}/infer", {"data": b"".join([head, *raws]), "headers": headers}


def mlflow_split(name, rows):
    table = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    return f"/endpoints/{name}/invocations", {"json": {"dataframe_split": table}}


def mlflow_records(name, rows):
    return f"/endpoints/{name}/invocations", {"json": {"dataframe_records": rows}}


def written(media_type, name, rows):
    """The rows as a file; None where it has types and they do not make columns of one each."""
    if media_type != CSV and any(len(set(map(type, cells)) - {type(None)}) > 1 for cells in by_column(rows).values()):
        return None
    body = WRITE[media_type](pd.DataFrame(rows))
    return f"/v1/models/{name}:predict", {"data": body, "content_type": media_type}


def csv(name, rows):
    return written(CSV, name, rows)


def arrow(name, rows):
    return written(ARROW, name, rows)


def parquet(name, rows):
    return written(PARQUET, name, rows)


OTHERS = (v1_lists, v1_columns, v2_tensor, v2_columns, v2_binary, mlflow_split, mlflow_records, csv, arrow, parquet)


TYPED = (v2_binary, arrow, parquet)  # in a column of numbers there is no place for a text


def predictions(answer):
    """What was predicted, flat: V2 has the shape beside it, and several targets without their names."""
    told = answer.json
    return told["outputs"][0]["data"] if "outputs" in told else flat(told["predictions"])


def flat(value):
    value = list(value.values()) if isinstance(value, dict) else value
    return [one for row in value for one in flat(row)] if isinstance(value, list) else [value]


def broken(rows):
    """The rows with one cell that fits nowhere: an object where a number, a text or a truth value stands."""
    column = next(iter(rows[0]))
    return [row | {column: "strange"} if place == 1 else row for place, row in enumerate(rows)], column


@pytest.mark.parametrize("form", OTHERS)
def test_the_same_predictions(zoo, subtests, form):
    client, tables = zoo
    sent = 0
    for name, rows in tables.items():
        asked = form(name, rows)
        if asked is None:
            continue
        with subtests.test(name):
            path, body = v1_objects(name, rows)
            wanted, found = client.post(path, **body), client.post(asked[0], **asked[1])
            assert (wanted.status_code, found.status_code) == (200, 200), found.text[:1000]
            assert predictions(found) == predictions(wanted)
            sent += 1
    assert sent >= 6


@pytest.mark.parametrize("form", OTHERS)
def test_the_same_violations(zoo, subtests, form):
    client, tables = zoo
    sent = 0
    for name, rows in tables.items():
        wrong, column = broken(rows)
        path, body = v1_objects(name, wrong)
        wanted = client.post(path, **body)
        asked = form(name, wrong)
        if wanted.status_code == 200 or asked is None:  # "strange" is a text like any other there
            continue
        with subtests.test(name):
            found = client.post(asked[0], **asked[1])
            assert wanted.status_code == 422
            assert found.status_code == (422 if asked[0].startswith("/v1/") else 400), found.text[:1000]
            assert found.json["details"] == wanted.json["details"]
            assert wanted.json["details"][0]["row"] == 1
            assert json.dumps(column) in (found.json.get("error") or found.json["message"])
            sent += 1
    assert sent >= 6 or form in TYPED


def test_holes_where_none_may_be(zoo):
    """A missing number: null in JSON, NaN in raw tensors, the same violation."""
    client, tables = zoo
    rows = [dict.fromkeys(row) if place == 2 else row for place, row in enumerate(tables["svc"])]
    path, body = v1_objects("svc", rows)
    wanted = client.post(path, **body).json["details"]
    assert len(wanted) == len(rows[0])
    for form in OTHERS:
        path, body = form("svc", rows)
        assert client.post(path, **body).json["details"] == wanted, form.__name__

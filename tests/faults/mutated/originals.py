"""Real files of every kind that Daylight opens, small enough that most mutations reach something.

write("parquet", folder)      # folder/plain.parquet, folder/dictionary.parquet, ...
"""

import datetime
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from service.packing import pack
from tests.support.tables import npy, parquet, stream

__all__ = ["write"]


def write(kind, folder):
    """The originals of a kind, in `folder`."""
    folder.mkdir(parents=True)
    files = WRITERS[kind](folder)
    for name, data in (files or {}).items():
        (folder / name).write_bytes(data)


def estimators():
    """{name: a fitted estimator}, of the forms of state that there are: arrays, trees, dicts, C objects, functions."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    X, y = X[::4], y[::4]
    cities = pd.DataFrame({"city": ["Oslo", "Rome", "Bern", "Oslo"], "age": [1.0, 2.0, 3.0, 4.0]})
    cells = ColumnTransformer([("city", OneHotEncoder(handle_unknown="ignore"), ["city"])], remainder="passthrough")
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression())
    return {
        "pipeline": make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()).fit(X, y),
        "forest": RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, y),
        "boosting": HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=4, random_state=0).fit(X, y),
        "neighbours": KNeighborsClassifier(algorithm="kd_tree").fit(X, y),
        "support": SVC().fit(X, y),
        "cells": make_pipeline(cells, LogisticRegression()).fit(cities, [0, 1, 1, 0]),
        "texts": texts.fit(["a red fox", "a blue sea", "red sun", "deep blue"], [0, 1, 0, 1]),
    }


def pickles(folder):
    for name, estimator in estimators().items():
        for protocol in (0, 2, 4, 5):
            yield f"{name}-{protocol}.pkl", pickle.dumps(estimator, protocol)


def joblibs(folder):
    for name, estimator in estimators().items():
        for method in ("", "zlib", "gzip", "bz2", "xz"):
            file = io.BytesIO()
            joblib.dump(estimator, file, compress=(method, 3) if method else 0)
            yield f"{name}-{method or 'plain'}.joblib", file.getvalue()


def skops_files(folder):
    from skops import io as skops_io

    for name, estimator in estimators().items():
        yield f"{name}.skops", skops_io.dumps(estimator)


def stored_tables(folder):
    """A store with compiled tables."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    packed = {
        "linear": make_pipeline(StandardScaler(), LogisticRegression()),
        "forest": RandomForestClassifier(3, max_depth=3, random_state=0),
        "support": SVC(),
    }
    for name, estimator in packed.items():
        version = pack(estimator.fit(X, y), X, y, name=name, store=folder)
        assert version.manifest.spec["runtime"]["name"] == "onnx", name


def checkpoint(folder):
    from tests.support.tiny_text import save_checkpoint  # imports torch

    save_checkpoint(folder / "tiny")


def state_dict(folder):
    from tests.support.tiny_text import save_state_dict

    save_state_dict(folder / "tiny")


def stored_texts(folder):
    from tests.support.tiny_text import pack_tiny

    pack_tiny(folder, name="weights")


def stored_graphs(folder):
    from tests.support.tiny_text import pack_tiny

    version = pack_tiny(folder, name="graph", runtime="auto")
    assert version.manifest.spec["runtime"]["name"] == "onnx"


def table():
    when = [datetime.datetime(2020, 1, day, tzinfo=datetime.UTC) for day in range(1, 31)]
    return pa.table(
        {
            "age": pa.array([*range(29), None], pa.int32()),
            "height": pa.array(np.linspace(1, 2, 30)),
            "city": pa.array(["Oslo", "Rome", None] * 10),
            "when": pa.array(when, pa.timestamp("us", "Europe/Oslo")),
            "member": pa.array([True, False, None] * 10),
            "nested": pa.array([{"a": [1, 2]}, None, {"a": []}] * 10),
        }
    )


DELTAS = {"age": "DELTA_BINARY_PACKED", "height": "BYTE_STREAM_SPLIT"}


def varied():
    """The table with its texts in dictionaries, and with the metadata of an extension type that was once unpickled."""
    told = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": b"cos\nsystem\n(S'x'\ntR.",
    }
    plain = table()
    city = plain["city"].dictionary_encode()
    extended = pa.field("city", city.type, metadata=told)
    return {
        "plain": plain,
        "dictionary": plain.set_column(2, "city", city),
        "extension": plain.set_column(2, extended, city),
        "view": plain.set_column(2, "city", plain["city"].cast(pa.string_view())),
    }


def parquets(folder):
    options = {
        "v1": {"data_page_version": "1.0", "compression": "none"},
        "v2": {"data_page_version": "2.0", "compression": "zstd", "use_dictionary": False},
        "delta": {
            "use_dictionary": False,
            "column_encoding": {"age": "DELTA_BINARY_PACKED", "height": "BYTE_STREAM_SPLIT"},
        },
        "groups": {"row_group_size": 7, "compression": "gzip", "write_page_checksum": True},
    }
    for name, one in varied().items():
        for how, chosen in options.items():
            yield f"{name}-{how}.parquet", parquet(one, **chosen)


def streams(folder):
    for name, one in varied().items():
        for method in (None, "lz4", "zstd"):
            yield f"{name}-{method}.arrow", stream(one, compression=method)


def arrays(folder):
    yield "numbers.npy", npy(np.arange(150, dtype=float).reshape(30, 5))
    yield "columns.npy", npy(np.asfortranarray(np.arange(150).reshape(30, 5)))
    yield "texts.npy", npy(np.full((3, 5), "abc"))
    yield "objects.npy", npy(np.array([[1, "a", None, {}, 2.0]], dtype=object))


WRITERS = {
    "pickle": lambda folder: dict(pickles(folder)),
    "joblib": lambda folder: dict(joblibs(folder)),
    "skops": lambda folder: dict(skops_files(folder)),
    "onnx": stored_tables,
    "checkpoint": checkpoint,
    "state_dict": state_dict,
    "stored_texts": stored_texts,
    "stored_graphs": stored_graphs,
    "parquet": lambda folder: dict(parquets(folder)),
    "arrow": lambda folder: dict(streams(folder)),
    "npy": lambda folder: dict(arrays(folder)),
}

"""What the published clients visit: a server with numbers, a mixed table with holes, and texts; one of texts alone."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import live_server
from service.packing import pack
from service.packing.encoder import pack_encoder
from tests.support.calling_text import pack_calling
from tests.support.minilm import FOLDER, is_here
from tests.support.tables import records
from tests.support.tiny_encoders import (
    numbers_of,
    pack_classifier,
    pack_embedder,
    pack_reranker,
)
from tests.support.tiny_text import add_compiled_tiny
from tests.support.zoo import animals


@pytest.fixture(scope="package")
def visited(tmp_path_factory):
    """`url`; `tables` for the clients: {name: columns}; `wanted`: {name: {method: plain values}} of the same rows.

    The tables are of the models iris and penguins; gaps is one of penguins with missing numbers, holed
    one with missing texts too.
    """
    store = tmp_path_factory.mktemp("visited")
    iris = load_iris(as_frame=True)
    labels = iris.target.map(dict(enumerate(iris.target_names)))
    numbers = LogisticRegression(max_iter=1000).fit(iris.data, labels)
    pack(numbers, iris.data, labels, name="iris", store=store)
    (mixed,) = animals("one_hot_ignore")
    pack(mixed.estimator, mixed.X, mixed.y, name="penguins", store=store)
    add_compiled_tiny(store)
    whole = mixed.X.dropna()[::60]
    gaps = whole.assign(body_mass_g=whole["body_mass_g"].where(whole["sex"] == "male"))
    rows = {"iris": iris.data[::40], "penguins": whole, "gaps": gaps, "holed": mixed.X[:12]}
    estimators = {"iris": numbers, "penguins": mixed.estimator, "gaps": mixed.estimator, "holed": mixed.estimator}
    tables = {name: by_column(records(table)) for name, table in rows.items()}
    wanted = {
        name: {
            method: np.asarray(getattr(estimators[name], method)(table)).tolist()
            for method in ("predict", "predict_proba")
        }
        for name, table in rows.items()
    }
    with live_server(store) as url:
        yield SimpleNamespace(url=url, tables=tables, wanted=wanted)


@pytest.fixture(scope="package")
def texts_url(tmp_path_factory):
    """A server of two text models: `caller` calls functions for certain, `tiny` writes at random."""
    store = tmp_path_factory.mktemp("texts")
    pack_calling(store)
    add_compiled_tiny(store)
    with live_server(store) as url:
        yield url


@pytest.fixture(scope="package")
def encoders(tmp_path_factory):
    """`url` of a server of a classifier, a reranker and an embedder; `asked`, what clients ask it; `vectors`.

    These are float32 [texts, n]; those of sentence-transformers, where MiniLM is here to be the embedder.
    """
    store = tmp_path_factory.mktemp("encoders")
    pack_classifier(store)
    pack_reranker(store)
    if is_here():
        pack_encoder(FOLDER, name="embedder", store=store)
        vectors = sentence_transformers(FOLDER, TEXTS)
    else:
        pack_embedder(store, "embedder")
        vectors = np.array([numbers_of(text) for text in TEXTS])
    asked = {"model": "embedder", "texts": TEXTS, "dimensions": 4, "query": "why?"}
    with live_server(store) as url:
        yield SimpleNamespace(url=url, asked=asked, vectors=vectors)


TEXTS = ["A fine day, he said.", "Rain all week", "Sun and no wind", "Ada met 7 men"]


def sentence_transformers(folder, texts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library that is compared with
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(folder), device="cpu").encode(texts, convert_to_numpy=True)


def by_column(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}

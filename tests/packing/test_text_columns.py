"""Models of texts are compiled: tokens by our own code, the rest by the graph, the answers scikit-learn's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import (
    compose,
    preprocessing,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline

from service.errors import InvalidInstances
from service.models.runtimes import text_inputs
from service.models.tables import plan
from service.packing import pack
from service.packing.compilation import compile_model
from service.packing.contract import learn_contract
from service.packing.translate import sparse
from service.settings import Settings
from tests.support.loading import served
from tests.support.text_families import FAMILIES, FRESH, LABELS, TEXTS, Logistic

ROOT = Path(__file__).parents[2]


def equal(found, wanted):
    """Labels exactly, scores to 1e-9."""
    if hasattr(wanted, "toarray"):
        wanted = wanted.toarray()
    wanted = np.asarray(wanted)
    if wanted.dtype.kind in "fc":
        rows = [list(row.values()) if isinstance(row, dict) else row for row in found]
        assert np.asarray(rows) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    else:
        assert found == wanted.tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_compiled_model_of_texts_equals_scikit_learn(tmp_path, family):
    estimator, y = FAMILIES[family]
    estimator.fit(TEXTS, y)
    version = pack(estimator, TEXTS, y, name="m", store=tmp_path)
    told = version.manifest.spec["runtime"]
    assert told["name"] == "onnx", told["reason"]
    assert told["measured"] <= told["tolerance"] == 1e-9
    model = served(version)
    for rows in (FRESH, *([text] for text in FRESH)):
        found = model.predict([{"text": text} for text in rows], list(model.outputs)).outputs
        for method, answers in found.items():
            equal(answers, getattr(estimator, method)(pd.Series(rows, dtype=object)))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """(a model of two texts, a number and a category; its frame; the version)."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "price": rng.normal(10, 3, len(TEXTS)),
            "title": TEXTS.str[:9],
            "city": rng.choice(["Oslo", "Rome"], len(TEXTS)),
            "body": TEXTS,
        }
    )
    columns = compose.make_column_transformer(
        (TfidfVectorizer(), "body"),
        (preprocessing.StandardScaler(), ["price"]),
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), ["city"]),
        (HashingVectorizer(analyzer="char_wb", n_features=64), "title"),
    )
    estimator = make_pipeline(columns, Logistic()).fit(frame, LABELS)
    version = pack(estimator, frame, LABELS, name="mixed", store=tmp_path_factory.mktemp("mixed"))
    return estimator, frame, version


def test_texts_beside_numbers_and_categories(mixed):
    estimator, frame, version = mixed
    told = version.manifest.spec["runtime"]
    assert told["name"] == "onnx", told["reason"]
    rows = [*frame.to_dict("records"), {"price": -1, "title": "", "city": "Paris", "body": "good BAD"}]
    model = served(version)
    found = model.predict(rows, ["predict", "predict_proba"]).outputs
    equal(found["predict"], estimator.predict(pd.DataFrame(rows)))
    equal(found["predict_proba"], estimator.predict_proba(pd.DataFrame(rows)))
    lists = [list(row.values()) for row in rows]
    assert model.predict(lists).predictions == found["predict"]


def test_what_is_wrong_with_such_a_row_is_said_at_once(mixed):
    model = served(mixed[2])
    with pytest.raises(InvalidInstances) as caught:
        model.predict([{"price": "1", "title": 5, "city": "Rome", "body": None}])
    assert [fault["column"] for fault in caught.value.details] == ["price", "title", "body"]


def test_a_text_that_is_too_long_is_refused_with_the_limit(mixed, monkeypatch):
    model, row = served(mixed[2]), mixed[1].to_dict("records")[0]
    monkeypatch.setattr(plan, "LONGEST", 50)
    with pytest.raises(InvalidInstances) as caught:
        model.predict([row | {"body": "a" * 51}, row | {"body": "a" * 50, "title": ""}])
    (fault,) = caught.value.details
    assert (fault["row"], fault["column"]) == (0, "body")
    assert (fault["expected"], fault["got"]) == ("text of at most 50 characters", "51 characters")


def test_rows_in_several_pieces_get_the_same_answers(mixed, monkeypatch):
    model, rows = served(mixed[2]), mixed[1].to_dict("records")
    whole = model.predict(rows, ["predict_proba"]).predictions
    monkeypatch.setattr(text_inputs, "CELLS", 64)
    pieces = model.runtime.inputs.pieces(model.plan.read(rows).values)
    assert len(pieces) > 5
    equal(
        [list(row.values()) for row in model.predict(rows, ["predict_proba"]).predictions],
        [list(row.values()) for row in whole],
    )


def test_requests_share_a_call(mixed):
    model = served(mixed[2])
    model.optimize(Settings(threads=2))
    assert model.shares


def test_its_worker_imports_neither_scikit_learn_nor_pandas(mixed):
    code = (
        "import json, sys\n"
        "from service import models\n"
        "from service.settings import Settings\n"
        "from service.store.versions import Store\n"
        "model = models.load(Store(sys.argv[1]).open('mixed'), Settings())\n"
        "model.warm_up()\n"
        "model.predict([json.loads(sys.argv[2])], list(model.outputs))\n"
        "found = {'sklearn', 'pandas', 'scipy', 'joblib', 'onnx', 'torch'} & set(sys.modules)\n"
        "sys.exit(f'imported: {found}' if found else 0)\n"
    )
    row = mixed[1].to_dict("records")[0]
    ran = [sys.executable, "-c", code, str(mixed[2].folder.parents[1]), json.dumps(row)]
    done = subprocess.run(ran, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def split(text):
    return text.split()


def same(texts):
    return texts


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (
            TfidfVectorizer(tokenizer=split, token_pattern=None),
            "TfidfVectorizer has a function of your own as its token",
        ),
        (CountVectorizer(preprocessor=str.lower), "CountVectorizer has a function of your own as its preprocessor"),
        (HashingVectorizer(n_features=64, analyzer=split), "HashingVectorizer has a function of your own as its anal"),
        (CountVectorizer(strip_accents=str.upper), "CountVectorizer has a function of your own as its strip_accents"),
        (make_pipeline(preprocessing.FunctionTransformer(same), CountVectorizer()), "FunctionTransformer reads column"),
    ],
    ids=["tokenizer", "preprocessor", "analyzer", "strip_accents", "a step before"],
)
def test_functions_of_the_users_own_stay_with_scikit_learn(step, reason):
    estimator = make_pipeline(step, Logistic()).fit(TEXTS, LABELS)
    told = compile_model(learn_contract(estimator, TEXTS, LABELS)).runtime
    assert told["name"] == "sklearn"
    assert f"scikit-learn serves it because {reason}" in told["reason"]


def test_weights_beyond_the_limit_stay_with_scikit_learn(monkeypatch):
    monkeypatch.setattr(sparse, "LARGEST_WEIGHTS", 10)
    estimator = make_pipeline(TfidfVectorizer(), Logistic()).fit(TEXTS, LABELS)
    told = compile_model(learn_contract(estimator, TEXTS, LABELS)).runtime
    assert "its matrix of weights has" in told["reason"]


def test_numbers_of_float32_are_promised_as_such(tmp_path):
    estimator = make_pipeline(TfidfVectorizer(dtype=np.float32), Logistic()).fit(TEXTS, LABELS)
    told = pack(estimator, TEXTS, LABELS, name="m", store=tmp_path).manifest.spec["runtime"]
    assert (told["name"], told["tolerance"]) == ("onnx", 1e-5)

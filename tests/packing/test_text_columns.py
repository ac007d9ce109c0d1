"""Models of texts are compiled: tokens by our own code, the rest by the graph, the answers scikit-learn's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import (
    calibration,
    compose,
    decomposition,
    ensemble,
    feature_selection,
    linear_model,
    naive_bayes,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union

from service import models
from service.errors import InvalidInstances
from service.models.runtimes import text_inputs
from service.models.tables import plan
from service.packing import pack
from service.packing.compilation import compile_model
from service.packing.contract import learn_contract
from service.packing.translate import sparse
from service.settings import Settings

ROOT = Path(__file__).parents[2]
PLAIN = ["the", "cat", "sat", "on", "while", "drank", "good", "great", "awful", "not"]
WORDS = [*PLAIN, "Mat", "BAD", "Émile", "naïve", "café", "don't", "e-mail", "3.14", "x86", "мир", "你好"]


def sample(count=50):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 20))) for _ in range(count)]
    labels = np.array(["pos" if "good" in text else "neg" if "BAD" in text else "none" for text in texts])
    return pd.Series(texts, name="text", dtype=object), labels


TEXTS, LABELS = sample()
TWO, NUMBERS = LABELS == "pos", np.char.str_len(TEXTS.to_numpy(str)).astype(float)
FRESH = [
    "",
    "good cat",
    "a BAD, bad café",
    "CAFE\u0301 naive EMILE",
    "unseen words alone",
    " ".join(WORDS * 30),
    "İ ﬁ ½",
]
Logistic = linear_model.LogisticRegression
SIX = {"n_estimators": 6, "random_state": 0}

FAMILIES = {
    "tf-idf, logistic": (make_pipeline(TfidfVectorizer(), Logistic()), LABELS),
    "tf-idf, two labels": (
        make_pipeline(TfidfVectorizer(sublinear_tf=True, stop_words="english", strip_accents="unicode"), Logistic()),
        TWO,
    ),
    "sequences of words": (make_pipeline(TfidfVectorizer(ngram_range=(1, 3), min_df=2), Logistic()), LABELS),
    "letters": (
        make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)), svm.LinearSVC()),
        LABELS,
    ),
    "counts, then weighted": (
        make_pipeline(CountVectorizer(analyzer="char", strip_accents="ascii"), TfidfTransformer(norm="l1"), Logistic()),
        LABELS,
    ),
    "multinomial bayes": (make_pipeline(CountVectorizer(max_features=12), naive_bayes.MultinomialNB()), LABELS),
    "complement bayes": (make_pipeline(TfidfVectorizer(max_df=0.5), naive_bayes.ComplementNB()), LABELS),
    "bernoulli bayes": (make_pipeline(CountVectorizer(binary=True), naive_bayes.BernoulliNB()), LABELS),
    "bernoulli bayes, of counts": (make_pipeline(CountVectorizer(), naive_bayes.BernoulliNB(binarize=1)), LABELS),
    "hashed": (
        make_pipeline(HashingVectorizer(n_features=2**12), linear_model.SGDClassifier(loss="log_loss", random_state=0)),
        LABELS,
    ),
    "hashed into few": (
        make_pipeline(HashingVectorizer(n_features=8, alternate_sign=False, norm=None, binary=True), Logistic()),
        LABELS,
    ),
    "a vocabulary of its own": (
        make_pipeline(CountVectorizer(vocabulary=["good", "bad", "not"], lowercase=False), Logistic()),
        LABELS,
    ),
    "a pattern of its own": (make_pipeline(CountVectorizer(token_pattern=r"(\w)\w*"), Logistic()), LABELS),
    "calibrated": (
        make_pipeline(TfidfVectorizer(), calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2)),
        LABELS,
    ),
    "calibrated as a whole": (
        calibration.CalibratedClassifierCV(make_pipeline(TfidfVectorizer(), svm.LinearSVC()), cv=2),
        LABELS,
    ),
    "machine, linear": (make_pipeline(TfidfVectorizer(), svm.SVC(kernel="linear")), LABELS),
    "machine": (make_pipeline(TfidfVectorizer(), svm.SVC()), LABELS),
    "machine of numbers": (make_pipeline(TfidfVectorizer(), svm.SVR(kernel="poly")), NUMBERS),
    "tree": (make_pipeline(CountVectorizer(), tree.DecisionTreeClassifier(random_state=0)), LABELS),
    "forest": (make_pipeline(TfidfVectorizer(), ensemble.RandomForestClassifier(**SIX)), LABELS),
    "forest of numbers": (make_pipeline(TfidfVectorizer(), ensemble.ExtraTreesRegressor(**SIX)), NUMBERS),
    "boosting": (make_pipeline(TfidfVectorizer(), ensemble.GradientBoostingClassifier(**SIX)), LABELS),
    "network": (
        make_pipeline(TfidfVectorizer(), neural_network.MLPClassifier((4,), solver="lbfgs", random_state=0)),
        LABELS,
    ),
    "topics": (
        make_pipeline(TfidfVectorizer(), decomposition.TruncatedSVD(4, random_state=0), linear_model.Ridge()),
        NUMBERS,
    ),
    "topics alone": (make_pipeline(TfidfVectorizer(), decomposition.TruncatedSVD(4, random_state=0)), None),
    "tf-idf alone": (TfidfVectorizer(), None),
    "selected and scaled": (
        make_pipeline(
            CountVectorizer(),
            feature_selection.SelectKBest(feature_selection.chi2, k=9),
            preprocessing.StandardScaler(with_mean=False),
            preprocessing.MaxAbsScaler(),
            preprocessing.Binarizer(threshold=0.1),
            preprocessing.Normalizer(),
            Logistic(),
        ),
        LABELS,
    ),
    "words and letters": (
        make_pipeline(
            make_union(
                TfidfVectorizer(),
                make_pipeline(TfidfVectorizer(), decomposition.TruncatedSVD(3, random_state=0)),
                CountVectorizer(analyzer="char"),
            ),
            feature_selection.SelectKBest(k=20),
            preprocessing.Normalizer("max"),
            Logistic(max_iter=1000),
        ),
        LABELS,
    ),
    "made dense": (
        make_pipeline(CountVectorizer(), preprocessing.MaxAbsScaler(), decomposition.PCA(3, svd_solver="arpack")),
        None,
    ),
}


def served(version):
    model = models.load(version, Settings())
    model.warm_up()
    return model


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

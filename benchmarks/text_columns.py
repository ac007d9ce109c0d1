"""One short text in process: a compiled vectorizer and linear model against scikit-learn's own call.

    make bench        (python -m benchmarks.text_columns)

"Daylight" is the reading and checking of a JSON row, the counting of its tokens, and the graph. "a dense row" is what
the graph does not do: all weights times a row of as many numbers as there are tokens in the vocabulary. The ways are
taken in turns, in one process, on one thread.
"""

import tempfile

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline

from benchmarks.rounds import interleaved, report
from service import models
from service.packing import pack
from service.settings import Settings

ROUNDS, CALLS = 15, 30
TEXTS, WORDS = 2000, 12
STOCHASTIC = {"loss": "log_loss", "max_iter": 5, "tol": None, "random_state": 0}

# name: (the model, how many words there are, how many labels)
MODELS = {
    "tf-idf and logistic regression, 5,000 words, 2 labels": (
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        5_000,
        2,
    ),
    "tf-idf and a linear model, 50,000 words, 20 labels": (
        make_pipeline(TfidfVectorizer(), SGDClassifier(**STOCHASTIC)),
        50_000,
        20,
    ),
    "hashing and a linear model, 2 labels": (make_pipeline(HashingVectorizer(), SGDClassifier(**STOCHASTIC)), 5_000, 2),
}


def sample(words, labels):
    """Texts in which every word comes once at least, as few words come often; their labels."""
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"word{number:05}" for number in range(words)])
    often = rng.zipf(1.3, (TEXTS, WORDS)) % words
    each = [*(" ".join(vocabulary[row]) for row in often), *map(" ".join, np.array_split(vocabulary, TEXTS))]
    return pd.Series(each, name="text"), np.array([f"label {number % labels}" for number in range(len(each))])


def ways_of(estimator, words, labels, folder):
    """{what is done: a function that does it once} for one short text."""
    X, y = sample(words, labels)
    estimator.fit(X, y)
    version = pack(estimator, X, y, name="texts", store=folder)
    assert version.manifest.spec["runtime"]["name"] == "onnx", version.manifest.spec["runtime"]["reason"]
    model = models.load(version, Settings())
    text = X.iloc[0]
    rows, read = [{"text": text}], model.plan.read([[text]]).values
    assert model.predict(rows).predictions == estimator.predict([text]).tolist()
    weights = np.ascontiguousarray(estimator[-1].coef_.T)
    row = estimator[0].transform([text])

    def dense():
        cells = np.zeros((1, len(weights)))
        cells[0, row.indices] = row.data
        return cells @ weights

    return {
        "tokens and the graph": lambda: model.runtime.run(read, ["predict"]),
        "Daylight": lambda: model.predict(rows),
        "scikit-learn": lambda: estimator.predict([text]),
        "a dense row": dense,
    }


def main():
    for name, (estimator, words, labels) in MODELS.items():
        with tempfile.TemporaryDirectory(prefix="texts-") as folder:
            medians = interleaved(ways_of(estimator, words, labels, folder), rounds=ROUNDS, calls=CALLS)
        pairs = [("scikit-learn", "Daylight"), ("a dense row", "tokens and the graph")]
        report(f"one text of {WORDS} words, {name}, in process", medians, pairs, ["scikit-learn", "onnxruntime"])


if __name__ == "__main__":
    main()

"""Models of texts of every family that packing compiles, and the texts that they are fitted to."""

import numpy as np
import pandas as pd
from sklearn import (
    calibration,
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

__all__ = ["FAMILIES", "FRESH", "LABELS", "TEXTS", "Logistic"]

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

"""Vectorizers of texts: their tokens are counted outside the graph, what becomes of the counts is inside.

How the tokens are found is written down as plain values, which `service.models.runtimes.token_counts` reads. Functions
of the user's own (tokenizer, preprocessor, analyzer) are no plain values, and stay with scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .preprocess import normalized
from .sparse import Sparse
from .tables import Table, Untranslatable

__all__ = ["counts", "described", "hashes", "tfidf", "weighted"]

ANALYZERS = ("word", "char", "char_wb")


def counts(g, estimator, X):
    """CountVectorizer"""
    return {"transform": counted(g, estimator, X, vocabulary=tokens(estimator.vocabulary_))}


def hashes(g, estimator, X):
    """HashingVectorizer"""
    hashed = counted(
        g,
        estimator,
        X,
        buckets=int(estimator.n_features),
        signed=bool(estimator.alternate_sign),
    )
    return {"transform": hashed if estimator.norm is None else normalized(g, hashed, estimator.norm)}


def tfidf(g, estimator, X):
    """TfidfVectorizer: the two steps of which it consists."""
    return weighted(g, estimator._tfidf, counts(g, estimator, X)["transform"])


def weighted(g, estimator, X):
    """TfidfTransformer, of counts"""
    if not isinstance(X, Sparse):
        raise Untranslatable("TfidfTransformer of other counts than a vectorizer's")
    if estimator.sublinear_tf:  # of the counts that are there; the others stay 0
        X = X.mapped(lambda counted: g.op("Where", counted.equals(0.0), 0.0, g.op("Log", counted) + 1.0))
    if hasattr(estimator, "idf_"):
        X = X * estimator.idf_
    return {"transform": X if estimator.norm is None else normalized(g, X, estimator.norm)}


def counted(g, estimator, X, **options):
    """The Sparse of one column of texts."""
    name = type(estimator).__name__
    if not isinstance(X, Table) or len(X.columns) != 1 or X.columns[0].kind != "text":
        raise Untranslatable(f"{name} reads other than one column of texts")
    if X.columns[0].nullable:
        raise Untranslatable(f"{name} reads texts that may be missing")
    for option in ("tokenizer", "preprocessor", "analyzer", "strip_accents"):
        if callable(getattr(estimator, option)):
            raise Untranslatable(f"{name} has a function of your own as its {option}")
    if estimator.input != "content" or estimator.analyzer not in ANALYZERS:
        raise Untranslatable(f"{name} reads files, or has an analyzer that scikit-learn does not document")
    if np.dtype(estimator.dtype) not in (np.float64, np.int64):
        g.single = True  # it counts in numbers of fewer bits, and what follows may compute in them
    told = described(estimator, **options) | {"column": X.columns[0].name}
    return Sparse.of_tokens(g, told, told["buckets"] if told["vocabulary"] is None else len(told["vocabulary"]))


def described(estimator, *, vocabulary=None, **options):
    """How its tokens are found and counted, as plain values. options: of hashed tokens."""
    stop = estimator.get_stop_words() if estimator.analyzer == "word" else None
    return options | {
        "analyzer": estimator.analyzer,
        "lowercase": bool(estimator.lowercase),
        "strip_accents": estimator.strip_accents or None,
        "pattern": estimator.token_pattern,
        "stop_words": None if stop is None else sorted(stop),
        "ngrams": [int(length) for length in estimator.ngram_range],
        "binary": estimator.binary,
        "vocabulary": vocabulary,
    }


def tokens(vocabulary: dict[str, Any]) -> list[str]:
    """{token: its place} -> the tokens in the order of their places."""
    return sorted(vocabulary, key=vocabulary.__getitem__)

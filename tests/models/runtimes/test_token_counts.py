"""Tokens are counted exactly as scikit-learn's own vectorizers count them, whatever the text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from service.models.runtimes import text_inputs
from service.models.runtimes.text_inputs import TextInputs
from service.models.runtimes.token_counts import TokenCounter, padded
from service.packing.odd_texts import odd_texts
from service.packing.translate.vectorizers import described

# scikit-learn warns of options that it ignores, and of stop words that its own tokens never are.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

bounded = settings(max_examples=150, deadline=None, database=None, derandomize=True)

WORDS = [
    "The",
    "café",
    "CAFÉ",
    "cafe\u0301",
    "ﬁne",
    "don't",
    "x",
    "İstanbul",
    "straße",
    "日本",
    "a_b",
    "1,5",
    "\x1f",
    "\u2003",
]
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
)
lengths = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda pair: (pair[0], sum(pair)))
OPTIONS = {
    "analyzer": st.sampled_from(["word", "char", "char_wb"]),
    "lowercase": st.booleans(),
    "strip_accents": st.sampled_from([None, "ascii", "unicode"]),
    "token_pattern": st.sampled_from([r"(?u)\b\w\w+\b", r"\w", r"(\w)\w*", r"[^\s]+", r"\d+|\w+"]),
    "stop_words": st.sampled_from([None, "english", ["the", "x", "café"]]),
    "ngram_range": lengths,
    "binary": st.booleans(),
}


def counted(counter, some, width):
    places, counts = padded([counter.count(text) for text in some])
    rows = np.zeros((len(some), width))
    np.add.at(rows, (np.arange(len(some))[:, None], places), counts)
    return rows


@bounded
@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, min_size=1, max_size=4), st.fixed_dictionaries(OPTIONS))
def test_words_and_letters_are_counted_as_scikit_learn_counts_them(known, asked, options):
    vectorizer = CountVectorizer(**options)
    try:
        vectorizer.fit(known)
    except ValueError:  # no token is left of these texts
        vectorizer = CountVectorizer(**options, vocabulary=["the", "ca", "a"])
        vectorizer.fit(known)
    vocabulary = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
    counter = TokenCounter(described(vectorizer, vocabulary=vocabulary))
    expected = vectorizer.transform(known + asked).toarray()
    assert counted(counter, known + asked, len(vocabulary)).tolist() == expected.tolist()


@bounded
@given(
    st.lists(texts, min_size=1, max_size=4),
    st.fixed_dictionaries(OPTIONS),
    st.sampled_from([1, 2, 7, 64, 2**20]),
    st.booleans(),
)
def test_hashed_tokens_fall_where_scikit_learns_do(asked, options, buckets, signed):
    vectorizer = HashingVectorizer(**options, n_features=buckets, alternate_sign=signed, norm=None)
    counter = TokenCounter(described(vectorizer, buckets=buckets, signed=signed))
    expected = vectorizer.transform(asked)
    for row, text in enumerate(asked):
        found = {place: count for place, count in counter.count(text).items() if count}
        wanted = expected[row].tocoo()
        pairs = zip(wanted.coords[-1].tolist(), wanted.data.tolist(), strict=True)
        assert found == {place: count for place, count in pairs if count}


@pytest.mark.parametrize("analyzer", ["word", "char", "char_wb"])
def test_odd_texts(analyzer):
    some = list(odd_texts(["Émile was here, and WENT", "don't"]))
    vectorizer = CountVectorizer(analyzer=analyzer, ngram_range=(1, 2), strip_accents="unicode").fit(some)
    counter = TokenCounter(described(vectorizer, vocabulary=sorted(vectorizer.vocabulary_)))
    assert counted(counter, some, len(vectorizer.vocabulary_)).tolist() == vectorizer.transform(some).toarray().tolist()


@pytest.fixture
def inputs():
    counter = described(CountVectorizer(token_pattern=r"\w"), vocabulary=list("abcdefgh")) | {"column": 1}
    return TextInputs({"numbers": [0], "counters": [counter]}, at_once=None, wide=1)


def table(*some):
    X = np.empty((len(some), 2), dtype=object)
    X[:, 0], X[:, 1] = np.arange(len(some)), some
    return X


def test_one_long_text_makes_no_wide_rows_of_all_short_ones(inputs, monkeypatch):
    """All rows of a piece are as long as its longest text, so a piece has fewer rows where texts are long."""
    monkeypatch.setattr(text_inputs, "CELLS", 8)
    pieces = inputs.pieces(table("a", "b", "", "c", "a b c d e f g h", "d", "e e"))
    assert [piece["places0"].shape for piece in pieces] == [(4, 1), (1, 8), (2, 1)]
    assert np.concatenate([piece["X"] for piece in pieces]).ravel().tolist() == list(range(7))
    assert [piece["counts0"].tolist() for piece in pieces][::2] == [[[1.0], [1.0], [0.0], [1.0]], [[1.0], [2.0]]]


def test_a_piece_has_no_more_rows_than_the_graph_takes_at_once(inputs):
    inputs.at_once = 2
    assert [len(piece["X"]) for piece in inputs.pieces(table(*"abcde"))] == [2, 2, 1]

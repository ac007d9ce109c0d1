"""Frames scored in this process, as partitions are in others."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from service.batch import task
from service.batch.frames import FrameScorer
from service.errors import RequestError, StartupError
from service.packing import pack
from service.settings import Settings
from tests.support.tiny_encoders import MAX_TOKENS, numbers_of, pack_embedder

ROWS = 240


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    return pd.DataFrame({"height": rng.normal(size=ROWS), "age": rng.integers(1, 90, ROWS)})


@pytest.fixture(scope="module")
def model(table):
    return LogisticRegression().fit(table, (table["age"] > 40).astype(int))


@pytest.fixture(scope="module")
def store(table, model, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack(model, table, table["age"] > 40, name="ages", store=store)
    pack(model, table, (table["age"] > 40).astype(int), name="ages", store=store)
    pack_embedder(store)
    return store


def scorer(store, name="ages", **options):
    return FrameScorer(name, store=store, settings=Settings(store=store, workers=1), **options)


def test_a_frame_keeps_its_index_and_gets_the_outputs(store, table, model, monkeypatch):
    monkeypatch.setattr(task, "CHUNK_ROWS", 100)
    frame = table.assign(note="kept").set_index(pd.Index(range(ROWS, 0, -1), name="at"))
    scored = pickle.loads(pickle.dumps(scorer(store, outputs=["predict", "predict_proba"])))(frame)
    assert scored.index.equals(frame.index)
    assert scored.columns.tolist() == [*frame, "predict", "predict_proba.0", "predict_proba.1", "reason"]
    assert scored["predict"].tolist() == model.predict(table).tolist()
    assert scored["predict_proba.1"].to_numpy() == pytest.approx(model.predict_proba(table)[:, 1], rel=1e-12)
    assert scored["reason"].isna().all()


def test_wrong_rows_have_the_reason_and_no_output(store, table, model, monkeypatch):
    monkeypatch.setattr(task, "CHUNK_ROWS", 100)
    frame = table.astype({"age": float}).head(230)
    frame.loc[[3, 150], "age"] = [0.5, np.nan]
    scored = scorer(store, prefix="new_")(frame)
    told = {3: "age: expected integer, got 0.5", 150: "age: expected integer, got null"}
    assert scored["new_reason"].dropna().to_dict() == told
    right = scored.drop(index=[*told])
    assert right["new_predict"].tolist() == model.predict(table.loc[right.index]).tolist()
    assert scored.loc[[*told], "new_predict"].isna().all()


def test_types_are_the_same_without_wrong_rows_with_them_alone_and_without_rows(store, table):
    score = scorer(store)
    wrong = table.head(5).assign(age=0.5)
    assert score(table)["predict"].dtype == score(wrong)["predict"].dtype == score(table.head(0))["predict"].dtype
    assert len(score(wrong)) == 5
    assert score(wrong)["reason"].dtype == score(table)["reason"].dtype == score(table.head(0))["reason"].dtype


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda frame: frame.rename(columns={"age": "Age"}), "column age: expected integer, got nothing; did you mean"),
        (lambda frame: frame.assign(age=[[1]] * ROWS), "column age: expected integer, got a column of type list"),
        (lambda frame: frame.assign(age=[1, "x"] * (ROWS // 2)), "the frame has a column of several types"),
        (lambda frame: frame.assign(predict=1), "a column predict already; put something before the new ones: prefix"),
    ],
)
def test_a_frame_of_which_no_row_can_be_scored_is_refused(store, table, change, told):
    with pytest.raises(RequestError, match=told):
        scorer(store)(change(table))


def test_texts_become_vectors(store):
    scored = scorer(store, "tiny_embedder")(pd.DataFrame({"text": ["Ada", "y" * MAX_TOKENS, "Rome"]}))
    assert scored["embedding"].isna().tolist() == [False, True, False]
    assert np.stack(scored["embedding"].dropna()) == pytest.approx(
        np.stack([numbers_of("Ada"), numbers_of("Rome")]), 1e-5
    )
    assert scorer(store, "tiny_embedder")(pd.DataFrame({"text": pd.Series([], dtype="str")})).columns.tolist() == [
        "text",
        "embedding",
        "reason",
    ]


def test_the_version_is_chosen_once(store, table):
    assert scorer(store).task.version == "2"
    assert scorer(store, version="1").task.version == "1"
    with pytest.raises(StartupError):
        scorer(store, version="7")

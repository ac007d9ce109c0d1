"""Files of texts scored offline: vectors, entities, fillings and classes as the service gives them, in every format."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from service import models
from service.capabilities import EmbedCall, FillMaskCall, TokensCall
from service.cli import main
from service.settings import Settings
from service.store.versions import Store
from tests.support import tiny_encoders
from tests.support.tiny_encoders import MASK, MAX_TOKENS, numbers_of

TEXTS = ["Ada 12", "a fine day", "", "nothing", "Rome"]
LONG = "y" * MAX_TOKENS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    for pack in ("embedder", "classifier", "token_classifier", "mask_filler", "zero_shot"):
        getattr(tiny_encoders, f"pack_{pack}")(store)
    return store


def run(store, name, source, out, *more):
    arguments = ["predict", name, str(source), "-o", str(out), *map(str, more), "--store", str(store)]
    return CliRunner().invoke(main, arguments)


def written(texts, path):
    frame = pd.DataFrame({"id": range(len(texts)), "text": texts})
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    return path


def served(store, name, call):
    model = models.load(Store(store).open(name), Settings(store=store, workers=1))
    answer = model.run(call)
    model.stop()
    return answer


def test_vectors_are_lists_of_float32_in_parquet(store, tmp_path):
    result = run(store, "tiny_embedder", written(TEXTS, tmp_path / "in.csv"), tmp_path / "out.parquet")
    assert result.exit_code == 0, result.output
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["id", "text", "embedding"]
    assert str(table.schema.field("embedding").type) in (
        "fixed_size_list<element: float>[8]",
        "fixed_size_list<item: float>[8]",
    )
    vectors = np.array(table["embedding"].to_pylist(), np.float32)
    assert np.array_equal(vectors, served(store, "tiny_embedder", EmbedCall(TEXTS)).vectors)
    assert np.allclose(vectors[0], numbers_of("Ada 12"), atol=1e-6)


@pytest.mark.parametrize("form", ["csv", "jsonl", "arrow"])
def test_other_formats_hold_the_same(store, tmp_path, form):
    source = written(TEXTS, tmp_path / "in.jsonl")
    assert run(store, "tiny_embedder", source, tmp_path / f"out.{form}", "--prefix", "my_").exit_code == 0
    if form == "csv":
        given = [json.loads(cell) for cell in pd.read_csv(tmp_path / "out.csv")["my_embedding"]]
    elif form == "jsonl":
        given = [json.loads(line)["my_embedding"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    else:
        given = pd.read_feather(tmp_path / "out.arrow")["my_embedding"].tolist()
    assert np.allclose(given, [numbers_of(text) for text in TEXTS], atol=1e-6)


def test_entities_keep_their_type_where_the_first_texts_have_none(store, tmp_path, monkeypatch):
    """A column of empty lists has no type, and what came later would not fit it."""
    monkeypatch.setattr("service.batch.task.FEW_ROWS", 2)
    texts = ["none", "", *TEXTS]
    result = run(store, "spans", written(texts, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    assert result.exit_code == 0, result.output
    given = pq.read_table(tmp_path / "out.parquet")["entities"].to_pylist()
    assert given == served(store, "spans", TokensCall(texts)).values
    assert [each["entity_group"] for each in given[2]] == ["CAP", "NUM"]


def test_fillings_are_lists_of_each_mask(store, tmp_path):
    texts = [f"a {MASK} day", f"{MASK}{MASK}"]
    result = run(store, "guess", written(texts, tmp_path / "in.csv"), tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    given = [json.loads(line)["fillings"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    one, two = served(store, "guess", FillMaskCall(texts)).values
    assert given == [[one], two]


def test_texts_that_are_refused_are_rejected_with_the_reason(store, tmp_path):
    result = run(store, "tiny_embedder", written(["a", LONG, "b"], tmp_path / "in.csv"), tmp_path / "out.csv")
    assert result.exit_code == 3, result.output
    assert pd.read_csv(tmp_path / "out.csv")["id"].tolist() == [0, 2]
    rejects = pd.read_csv(tmp_path / "out.rejects.csv")
    assert rejects["reason"].tolist() == ["text: expected at most 32 tokens, got 34 tokens"]
    result = run(store, "guess", written([MASK, "none"], tmp_path / "in.csv"), tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.rejects.csv")["reason"].tolist() == ["text: expected a text with *, got none"]


def test_a_chunk_is_never_more_than_an_engine_takes(store, tmp_path, monkeypatch):
    """200 texts of 512 tokens are more than the 65,536 of one request: the file failed, a classifier's too."""
    monkeypatch.setenv("DAYLIGHT_MAX_WAITING_TOKENS", "100")
    texts = ["y" * (MAX_TOKENS - 2)] * 9
    for name, column in (("tiny_embedder", "embedding"), ("mood", "predict")):
        result = run(store, name, written(texts, tmp_path / "in.parquet"), tmp_path / "out.parquet")
        assert result.exit_code == 0, result.output
        assert len(pq.read_table(tmp_path / "out.parquet")[column]) == 9


def test_what_it_cannot_is_one_sentence(store, tmp_path):
    source = written(TEXTS, tmp_path / "in.csv")
    result = run(store, "judge", source, tmp_path / "out.csv")
    assert "judge classifies texts by labels of the request; a file needs one that predicts tables, " in result.output
    result = run(store, "tiny_embedder", source, tmp_path / "out.csv", "--outputs", "embedding,vector")
    assert (result.exit_code, "expected embedding, got vector" in result.output) == (1, True)
    source.write_text("review\na fine day\n")
    result = run(store, "tiny_embedder", source, tmp_path / "out.csv")
    assert (result.exit_code, "text" in result.output, "Traceback" in result.output) == (1, True, False)

"""Models around an encoder: what their texts become, what is refused, and the same over the engine process."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np
import pytest

from benchmarks.support.serving import eventually
from service import models
from service.capabilities import EmbedCall
from service.errors import (
    ContextLengthExceeded,
    DeadlineExceeded,
    InvalidInstances,
    InvalidParameters,
    PayloadTooLarge,
    StartupError,
)
from service.generation.encoders.asker import asked_by
from service.models.engine.journal import Journals
from service.settings import Settings
from service.store.versions import Store
from tests.support.engine_process import EngineProcess
from tests.support.tiny_encoders import DIMENSION, MAX_TOKENS, numbers_of, pack_classifier, pack_embedder

TEXTS = ["a fine day", "no", "what is it, then?", "x" * (MAX_TOKENS - 2), ""]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    pack_embedder(folder)
    pack_classifier(folder)
    return Store(folder)


@pytest.fixture(scope="module", params=["here", "engine"])
def settings(request, store, tmp_path_factory):
    """Of a model that runs in this process, and of one that asks an engine over a socket."""
    if request.param == "here":
        yield Settings(store=store.root, workers=1, max_rows=100, max_waiting_tokens=500)
        return
    folder = tmp_path_factory.mktemp("engine")
    journals = Journals(folder, blame=False)
    process = EngineProcess(folder / "socket", store, journals, max_rows=100, max_waiting_tokens=500)
    yield Settings(store=store.root, workers=1, engine_socket=str(folder / "socket"), max_rows=100)
    process.end()


@pytest.fixture(scope="module")
def embedder(store, settings):
    model = models.load(store.open("tiny_embedder"), settings)
    model.warm_up()
    return model


@pytest.fixture(scope="module")
def classifier(store, settings):
    model = models.load(store.open("mood"), settings)
    model.warm_up()
    return model


def test_vectors_are_those_of_the_graph_in_the_order_of_the_texts(embedder):
    answer = embedder.run(EmbedCall(TEXTS))
    assert answer.vectors.shape == (len(TEXTS), DIMENSION)
    assert np.allclose(answer.vectors, [numbers_of(text) for text in TEXTS], atol=1e-6)
    assert answer.tokens == (sum(len(text) + 2 for text in TEXTS), 0)
    assert embedder.failure is None


def test_token_ids_are_taken_as_they_are(embedder):
    ids = [1, *range(4, 9), 2]
    assert np.allclose(embedder.run(EmbedCall([ids, "abcde"])).vectors[0], numbers_of("abcde"), atol=1e-6)


def test_fewer_dimensions_have_the_length_1_again(embedder):
    vectors = embedder.run(EmbedCall(["abc"], dimensions=3)).vectors
    expected = numbers_of("abc")[:3]
    assert np.allclose(vectors[0], expected / np.linalg.norm(expected), atol=1e-6)


def test_a_prompt_is_put_before_the_text(embedder):
    vectors = embedder.run(EmbedCall(["abc"], prompt="query")).vectors
    assert np.allclose(vectors[0], numbers_of("q: abc"), atol=1e-6)


def test_long_texts_are_refused_with_their_counts_unless_they_may_be_cut(embedder):
    long = "y" * 40
    with pytest.raises(ContextLengthExceeded) as caught:
        embedder.run(EmbedCall(["short", long, [4] * 33]))
    assert [(each["parameter"], each["got"]) for each in caught.value.details] == [
        ("input[1]", "42 tokens"),
        ("input[2]", "33 tokens"),
    ]
    cut = embedder.run(EmbedCall([long], truncate=True))
    assert np.allclose(cut.vectors[0], numbers_of("y" * (MAX_TOKENS - 2)), atol=1e-6)
    assert cut.tokens == (MAX_TOKENS, 0)


def test_every_fault_is_named_at_once(embedder):
    with pytest.raises(InvalidParameters) as caught:
        embedder.run(EmbedCall([[], [10_000], "z" * 2000]))
    assert [each["got"] for each in caught.value.details] == ["an empty list", "10000", "2000 characters"]
    with pytest.raises(InvalidParameters) as caught:
        embedder.run(EmbedCall([], dimensions=9, normalize=False, prompt="passage"))
    assert [each["parameter"] for each in caught.value.details] == ["dimensions", "normalize", "prompt_name", "input"]


def test_requests_are_bounded(embedder):
    with pytest.raises(PayloadTooLarge, match="101 texts in one request"):
        embedder.run(EmbedCall(["a"] * 101))
    with pytest.raises(PayloadTooLarge, match="512 tokens together; a request may have 500"):
        embedder.run(EmbedCall(["x" * 30] * 16))


def test_a_deadline_that_has_passed_ends_a_request(embedder):
    with pytest.raises(DeadlineExceeded):
        embedder.run(EmbedCall(["a"]), perf_counter() - 1)
    assert embedder.run(EmbedCall(["a"]), perf_counter() + 30).vectors.shape == (1, DIMENSION)


def test_requests_at_the_same_time_get_their_own_answers(embedder, classifier):
    def ask(seed):
        rng = np.random.default_rng(seed)
        texts = ["".join(rng.choice(list("abcdef ghi"), rng.integers(1, 30))) for _ in range(rng.integers(1, 4))]
        vectors = embedder.run(EmbedCall(texts)).vectors
        classifier.predict(texts[:2])
        return np.abs(vectors - [numbers_of(text) for text in texts]).max()

    with ThreadPoolExecutor(5) as threads:
        assert max(threads.map(ask, range(60))) < 1e-6


def test_labels_and_their_probabilities(classifier):
    answer = classifier.predict([[text] for text in TEXTS], ["predict", "predict_proba"])
    for text, label, chances in zip(TEXTS, *answer.outputs.values(), strict=True):
        logits = numbers_of(text, 3, normalized=False).astype(np.float64)
        powers = np.exp(logits)
        assert np.allclose(list(chances.values()), powers / powers.sum(), atol=1e-6)
        assert label == max(chances, key=chances.get)


def test_a_long_text_is_a_violation_of_its_row(classifier):
    with pytest.raises(InvalidInstances) as caught:
        classifier.predict(["fine", {"text": "y" * 40}, "y" * 31])
    assert [(each["row"], each["column"], each["got"]) for each in caught.value.details] == [
        (1, "text", "42 tokens"),
        (2, "text", "33 tokens"),
    ]


def test_several_labels_may_hold_and_a_number_may_be_given(tmp_path):
    here = Settings(store=tmp_path, workers=1)
    outputs = {"predict": {"dtype": "object", "shape": [None]}}
    several = pack_classifier(tmp_path, "tags", problem="multi_label_classification", outputs=outputs)
    expected = 1 / (1 + np.exp(-numbers_of("abc", 3, normalized=False)))
    (found,) = models.load(several, here).predict(["abc"]).predictions
    assert found == [label for label, chance in zip(["low", "even", "high"], expected, strict=True) if chance >= 0.5]
    outputs = {"predict": {"dtype": "number", "shape": [None, 3]}}
    number = pack_classifier(tmp_path, "level", problem="regression", outputs=outputs)
    (found,) = models.load(number, here).predict(["abc"]).predictions
    assert np.allclose(found, numbers_of("abc", 3, normalized=False), atol=1e-6)


def test_another_vector_of_the_example_keeps_a_version_from_serving(tmp_path):
    version = pack_embedder(tmp_path)
    manifest = json.loads((version.folder / "manifest.json").read_text())
    manifest["example"]["predictions"][0][0] += 0.01
    (version.folder / "manifest.json").write_text(json.dumps(manifest))
    model = models.load(Store(tmp_path).open("tiny_embedder"), Settings(store=tmp_path, workers=1))
    with pytest.raises(StartupError, match="another answer"):
        model.warm_up()


class Gate:
    """A runner that waits while the gate is closed."""

    def __init__(self, runner):
        self.runner, self.width = runner, runner.width
        self.batches, self.open = [], threading.Event()

    def run(self, rows):
        self.batches.append(len(rows))
        assert self.open.wait(30)
        return self.runner.run(rows)


def test_a_hang_up_reaches_the_rows_that_wait_in_the_engine_process(store, tmp_path):
    """Texts of a client that had gone were read all the same, before those of clients that waited."""
    process = EngineProcess(tmp_path / "socket", store, Journals(tmp_path, blame=False))
    model = models.load(
        store.open("tiny_embedder"), Settings(store=store.root, workers=1, engine_socket=str(tmp_path / "socket"))
    )
    model.warm_up()
    (engine,) = process.host.engines()
    gate = engine.runner = Gate(engine.runner)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(model.run, EmbedCall(["first"]))
        eventually(lambda: gate.batches, what="a batch")
        with asked_by(lambda: True), pytest.raises(DeadlineExceeded, match="hung up"):
            model.run(EmbedCall(["gone", "lost"]))
        last = threads.submit(model.run, EmbedCall(["last"]))
        gate.open.set()
        for text, asked in (("first", first), ("last", last)):
            assert np.allclose(asked.result(30).vectors[0], numbers_of(text), atol=1e-6)
    assert gate.batches == [1, 1]
    process.end()


def test_a_worker_needs_no_onnx_runtime_for_an_encoder_of_the_engine_process():
    """Each worker had 8 MB of it, and the graph runs elsewhere."""
    asked = "import sys, service.models.encoders.embedder; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""What becomes of a model that another one has replaced: its requests and texts end, then its memory is freed."""

import gc
import shutil
import threading
import weakref

import pytest

from service.capabilities import TableCall
from service.errors import ModelNotFound, ModelNotReady
from service.predictor import Predictor
from service.server.lifecycle.rollout import Rollout
from service.server.lifecycle.worker_registry import WorkerRegistry
from service.settings import Settings
from service.web.context import RequestContext
from tests.support.rollouts import answer, turn
from tests.support.tiny_text import pack_tiny


def test_replaced_model_is_freed_after_its_last_request(store, two):
    first = two[0]
    running = first.predictor.find("m")
    gone = weakref.ref(running)
    gc.disable()  # so that it is the last reference that frees the memory, and not a collector some time
    try:
        store.promote("m", "2")
        turn(*two)
        assert first.predictor.run(running, TableCall([[0.0]]), RequestContext()).predictions == [1.0]
        assert first._follower.retired.living()
        del running
        assert gone() is None
    finally:
        gc.enable()


def test_a_replaced_text_model_writes_its_last_text_to_the_end(tmp_path):
    store = tmp_path / "store"
    pack_tiny(store)
    predictor = Predictor(Settings(store=store, workers=1))
    rollout = Rollout(predictor, WorkerRegistry(tmp_path / "run", master=1))
    rollout.load()
    old = predictor.find("tiny")
    text = old.stream("hello", old.parameters({"max_tokens": 40, "temperature": 0}))
    pieces = [next(text)]
    pack_tiny(store)
    turn(rollout)
    assert predictor.find("tiny").version == "2"
    pieces += text
    assert text.finish_reason == "length"
    assert text.completion_tokens == 40
    gone = weakref.ref(old.engine)
    del old, text
    turn(rollout)
    gc.collect()
    assert gone() is None
    assert not [one for one in threading.enumerate() if one.name == "daylight-engine"]


def test_texts_are_ended_as_cancelled_when_the_grace_is_over(tmp_path):
    pack_tiny(tmp_path / "store")
    predictor = Predictor(Settings(store=tmp_path / "store", workers=1))
    rollout = Rollout(predictor, WorkerRegistry(tmp_path / "run", master=1), grace=0.0)
    rollout.load()
    model = predictor.find("tiny")
    text = model.stream("hello", model.parameters({"max_tokens": 100, "temperature": 0}))
    next(text)
    rollout.drain()
    assert rollout.turn()
    list(text)
    assert text.finish_reason in ("cancelled", "length")
    with pytest.raises(ModelNotReady):
        model.generate("hello", model.parameters({"max_tokens": 2}))


def test_explicitly_loaded_version_is_unloaded_when_its_folder_is_removed(store, worker):
    one = worker()
    assert answer(one, version="2") == [2.0]
    shutil.rmtree(store.root / "m" / "2")
    turn(one)
    with pytest.raises(ModelNotFound):
        answer(one, version="2")

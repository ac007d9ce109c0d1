"""The tiny model, and an engine over each of its runners."""

import pytest
import torch

from service import models
from service.generation.engine import Engine
from service.generation.serial_runner import SerialRunner
from service.generation.torch_runner import TorchRunner
from service.settings import Settings
from tests.support.batch_engine import PROMPTS, ROWS
from tests.support.tiny_text import CONTEXT_LENGTH, byte_tokenizer, network, pack_tiny


@pytest.fixture(scope="session")
def tiny():
    return network(byte_tokenizer())


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """The tiny model as it is served: a graph, proven when it was packed."""
    packed = pack_tiny(tmp_path_factory.mktemp("store"), runtime="auto")
    assert packed.manifest.spec["runtime"]["name"] == "onnx"
    return packed


@pytest.fixture(scope="module", params=["graph", "torch", "serial"])
def runner(request, tiny):
    if request.param != "graph":
        kind = TorchRunner if request.param == "torch" else SerialRunner
        return kind(tiny, rows=ROWS, length=CONTEXT_LENGTH)
    version = request.getfixturevalue("compiled")
    return models.load(version, Settings(workers=1, slots=ROWS)).engine.runner


@pytest.fixture
def engine(runner):
    engine = Engine(runner)
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def expected(tiny):
    """The continuation of each prompt by `generate` of transformers."""

    def continued(ids):
        with torch.inference_mode():
            return tiny.generate(
                torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), max_new_tokens=20, do_sample=False
            )[0, len(ids) :].tolist()

    return [continued(ids) for ids in PROMPTS]

"""What the text model writes: whole and in pieces, repeated by a seed, ended, cancelled, and refused."""

import threading

import pytest
import torch

from service import models
from service.errors import InvalidParameters, ModelNotReady
from service.generation.params import SamplingParams
from service.settings import Settings
from tests.support.stores import rewritten
from tests.support.tiny_text import CONTEXT_LENGTH, END

SETTINGS = Settings(workers=1)
GREEDY = SamplingParams(max_tokens=20, temperature=0)


def test_generate_returns_the_continuation_only(model, packed):
    expected = packed.manifest.example["completion"]
    completion = model.generate("Once upon a time", SamplingParams(max_tokens=24, temperature=0))
    assert completion.text == expected
    assert not completion.text.startswith("Once")
    assert (completion.finish_reason, completion.prompt_tokens, completion.completion_tokens) == ("length", 16, 24)


def test_the_pieces_of_a_stream_joined_are_the_text(model):
    generation = model.stream("abc", GREEDY)
    pieces = list(generation)
    assert len(pieces) > 10
    assert "".join(pieces) == model.generate("abc", GREEDY).text
    assert generation.finish_reason == "length"


def test_a_seed_repeats_the_text(model):
    def text(seed):
        return model.generate("abc", SamplingParams(max_tokens=20, temperature=2.0, seed=seed)).text

    assert text(1) == text(1)
    assert text(1) != text(2)


def test_a_stop_string_ends_the_text_before_it(model):
    whole = model.generate("abc", GREEDY).text
    stop = whole[7:10]
    completion = model.generate("abc", SamplingParams(max_tokens=20, temperature=0, stop=(stop,)))
    assert completion.text == whole[: whole.index(stop)]
    assert completion.finish_reason == "stop"


def test_an_end_token_ends_the_text(packed, copied):
    """The model never generates its own end token, so a letter that it does generate is declared one."""
    ids = packed.manifest.example["token_ids"]
    end = next(token for token in ids if token != ids[0])
    spoilt = rewritten(copied, spec=packed.manifest.spec | {"eos_token_ids": [end]})
    completion = models.load(spoilt, SETTINGS).generate("Once upon a time", GREEDY)
    assert completion.finish_reason == "stop"
    assert completion.completion_tokens == ids.index(end) + 1
    assert len(completion.text) == ids.index(end)


def test_special_tokens_in_a_prompt_are_tokens_unless_it_is_nothing_but_text(model):
    """A client that renders the chat template itself was answered for the letters of the marks."""
    assert model.generate(END, GREEDY).prompt_tokens == 1
    assert model.generate(END, GREEDY, special_tokens=False).prompt_tokens == len(END)


def test_concurrent_streams_have_the_text_of_each_alone(model):
    prompts = ["abc", "Once upon a time", "z"]
    alone = [model.generate(prompt, GREEDY).text for prompt in prompts]
    running = [model.stream(prompt, GREEDY) for prompt in prompts]
    for generation in running:
        generation.start()
    assert [next(generation) for generation in reversed(running)] == [text[0] for text in reversed(alone)]
    running[1].close()
    assert running[1].finish_reason == "cancelled"
    assert alone[0][0] + "".join(running[0]) == alone[0]
    assert alone[2][0] + "".join(running[2]) == alone[2]


def test_a_stream_is_cancelled_from_another_thread(model):
    running = model.stream("abc", SamplingParams(max_tokens=100, temperature=0))
    next(running)
    canceller = threading.Thread(target=running.cancel)
    canceller.start()
    rest = list(running)
    canceller.join()
    assert len(rest) < 99
    assert running.finish_reason == "cancelled"


def test_a_stream_that_is_not_started_holds_nothing(model):
    unused = model.stream("abc", GREEDY)
    assert model.generate("abc", GREEDY).text
    unused.close()


# --- refusing


@pytest.mark.parametrize(
    ("prompt", "max_tokens", "parameter", "message"),
    [
        ("", 5, "text", "an empty text"),
        ("\ud800", 5, "text", "surrogate"),
        ("a" * CONTEXT_LENGTH, 1, "text", f"{CONTEXT_LENGTH} tokens"),
        ("a" * 10_000_000, 1, "text", "10000000 characters"),
        ("a" * 100, 29, "max_tokens", "the text takes 100"),
    ],
    ids=["empty", "surrogate", "full context", "megabytes", "no room"],
)
def test_prompts_that_do_not_fit_are_refused(model, prompt, max_tokens, parameter, message):
    with pytest.raises(InvalidParameters, match=message) as caught:
        model.stream(prompt, SamplingParams(max_tokens=max_tokens))
    assert caught.value.details[0]["parameter"] == parameter


def test_the_whole_context_can_be_used(model):
    assert model.generate("a" * 100, SamplingParams(max_tokens=28, temperature=0)).completion_tokens == 28


def test_max_tokens_defaults_to_the_setting(packed):
    model = models.load(packed, Settings(workers=1, max_tokens=7))
    assert model.parameters({"temperature": 0.6}) == SamplingParams(max_tokens=7, temperature=0.6, yielding=True)
    with pytest.raises(InvalidParameters, match="heat"):
        model.parameters({"heat": 1})


def test_a_network_that_always_fails_makes_the_model_fail(packed, caplog):
    model = models.load(packed, SETTINGS)
    assert model.failure is None
    model.engine.runner.network.lm_head.weight = torch.nn.Parameter(torch.zeros(257, 3))
    for _ in range(2):
        with pytest.raises(ModelNotReady) as caught:
            model.generate("abc", GREEDY)
        assert "shape" not in caught.value.message  # the cause is for the log only
    assert "serves no more" in model.failure
    assert "the model raised on 1 texts" in caplog.text
    assert "shape" in caplog.text

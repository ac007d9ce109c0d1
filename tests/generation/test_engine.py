"""The engine on tiny models: a sequence has the same tokens in any batch, whenever others join and leave it."""

import random

import pytest
import torch

from service.generation.engine import Engine
from service.generation.params import SamplingParams
from tests.support.batch_engine import GREEDY, PROMPTS, prompt


def test_a_single_sequence_has_the_tokens_of_transformers(engine, expected):
    assert [list(engine.generate(ids, GREEDY)) for ids in PROMPTS] == expected


def test_sixteen_sequences_over_four_slots(engine, expected):
    running = [engine.generate(ids, GREEDY) for ids in PROMPTS]
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == expected


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_joining_and_leaving(engine, expected, seed):
    """Sequences of every length join while others run, and some are closed early."""
    generator = random.Random(seed)
    order = generator.sample(range(len(PROMPTS)), len(PROMPTS))
    lengths = [generator.randint(1, 20) for _ in order]
    running = []
    for place, length in zip(order, lengths, strict=True):
        sequence = engine.generate(PROMPTS[place], SamplingParams(max_tokens=length, temperature=0))
        running.append(sequence)
        sequence.start()
        if generator.random() < 0.5:
            next(generator.choice(running), None)
        if generator.random() < 0.3:
            running[generator.randrange(len(running))].close()
    for place, length, sequence in zip(order, lengths, running, strict=True):
        rest = list(sequence)
        if not sequence.cancelled:
            all_tokens = expected[place][:length]
            assert rest == all_tokens[len(all_tokens) - len(rest) :]
            assert sequence.ids[sequence.prompt_tokens :].tolist() == all_tokens


def test_a_seed_gives_the_same_tokens_in_any_batch(engine):
    params = SamplingParams(max_tokens=20, temperature=1.5, top_p=0.95, seed=3)
    alone = list(engine.generate(PROMPTS[2], params))
    crowd = [engine.generate(ids, SamplingParams(max_tokens=60, temperature=1.0)) for ids in PROMPTS[3:6]]
    for sequence in crowd:
        sequence.start()
    assert list(engine.generate(PROMPTS[2], params)) == alone
    for sequence in crowd:
        sequence.close()


def test_an_end_token_is_the_last_unless_it_is_ignored(engine, expected):
    tokens = expected[0]
    end = tokens[10]
    until_end = tokens[: tokens.index(end) + 1]
    assert list(engine.generate(PROMPTS[0], GREEDY, {end})) == until_end
    assert list(engine.generate(PROMPTS[0], SamplingParams(20, 0, stop_token_ids=(end,)))) == until_end
    assert list(engine.generate(PROMPTS[0], SamplingParams(20, 0, ignore_eos=True), {end})) == tokens


def test_logprobs_come_with_the_tokens(engine, tiny):
    sequence = engine.generate(PROMPTS[0], SamplingParams(max_tokens=3, temperature=0, logprobs=2))
    tokens = list(sequence)
    with torch.inference_mode():
        logits = tiny(torch.tensor([PROMPTS[0] + tokens])).logits[0, len(PROMPTS[0]) - 1 : -1].log_softmax(-1)
    for place, each in enumerate(sequence.logprobs):
        assert each.token == tokens[place] == each.top[0][0]
        assert each.logprob == pytest.approx(float(logits[place, each.token]), abs=1e-4)
        assert [token for token, _ in each.top] == logits[place].topk(2).indices.tolist()


@pytest.mark.parametrize("prefix_bytes", [0, 2**28], ids=["without", "with"])
def test_reused_prefixes_give_equal_tokens(runner, tiny, prefix_bytes):
    engine = Engine(runner, prefix_bytes=prefix_bytes)
    system = prompt(99, 50)
    for ending in ([], [1], [2, 3], [1, 4], [1]):
        ids = system + ending
        tokens = list(engine.generate(ids, GREEDY))
        fresh = list(Engine(runner, prefix_bytes=0).generate(ids, GREEDY))
        assert tokens == fresh
        follow_up = ids + tokens + [7]
        assert list(engine.generate(follow_up, GREEDY)) == list(
            Engine(runner, prefix_bytes=0).generate(follow_up, GREEDY)
        )
    assert bool(engine.load().cached_prefixes) == bool(prefix_bytes)

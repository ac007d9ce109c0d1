"""The sampler against the logits processors of transformers."""

from collections import Counter

import numpy as np
import pytest
import torch
from transformers import (
    MinPLogitsWarper,
    PrefixConstrainedLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from service.errors import PredictionFailed
from service.generation.params import SamplingParams
from service.generation.sampling import Sampler, token_logprobs

LOGITS = np.array([1.0, 3.0, 2.0, -1.0, 0.5], np.float32)


def counts(params, logits=LOGITS, count=4000):
    sample = Sampler(params)
    return Counter(sample(logits) for _ in range(count))


def test_temperature_zero_takes_the_most_probable_token():
    assert counts(SamplingParams(1, temperature=0), count=5) == {1: 5}


@pytest.mark.parametrize("temperature", [1e-300, 1e-9])
def test_a_tiny_temperature_does_not_overflow(temperature):
    assert counts(SamplingParams(1, temperature=temperature), count=5) == {1: 5}


@pytest.mark.parametrize(
    "chosen",
    [
        {"temperature": 1.0},
        {"temperature": 0.6},
        {"temperature": 2.0, "top_k": 3},
        {"temperature": 1.0, "top_p": 0.9},
        {"temperature": 1.5, "top_k": 4, "top_p": 0.7},
        {"temperature": 1.0, "top_k": 50},
        {"temperature": 1.0, "top_p": 1e-9},
    ],
)
def test_sampled_frequencies_are_those_of_transformers(chosen):
    scores = TemperatureLogitsWarper(chosen["temperature"])(None, torch.tensor(LOGITS)[None])
    if "top_k" in chosen:
        scores = TopKLogitsWarper(chosen["top_k"])(None, scores)
    if "top_p" in chosen:
        scores = TopPLogitsWarper(chosen["top_p"])(None, scores)
    expected = scores.softmax(-1)[0].tolist()
    actual = counts(SamplingParams(1, seed=11, **chosen))
    for token, probability in enumerate(expected):
        assert actual[token] / 4000 == pytest.approx(probability, abs=0.03)
        assert probability > 0 or actual[token] == 0


REAL = np.random.default_rng(0).normal(0, 3, 5000).astype(np.float32)
PROMPT_IDS = [int(REAL.argmax()), 7, 7, 4999]


def probabilities(params, logits, prompt_ids=(), guide=None):
    tokens, weights = Sampler(params, prompt_ids, guide).candidates(logits)
    actual = np.zeros(len(logits))
    actual[slice(None) if tokens is None else tokens] = weights / weights.sum()
    return actual


def by_transformers(params, *first):
    """The probabilities that the processors of transformers give for REAL: `first`, then those of sampling."""
    ids, scores = torch.tensor([PROMPT_IDS]), torch.tensor(REAL, dtype=torch.float64)[None]
    processors = [*first, TemperatureLogitsWarper(params.temperature)]
    processors += [TopKLogitsWarper(params.top_k)] if params.top_k else []
    processors += [TopPLogitsWarper(params.top_p)] if params.top_p else []
    processors += [MinPLogitsWarper(params.min_p)] if params.min_p is not None else []
    for processor in processors:
        scores = processor(ids, scores)
    return scores.softmax(-1)[0].numpy()


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"temperature": 0.3},
        {"top_k": 1},
        {"top_k": 50},
        {"top_k": 5000},
        {"top_p": 0.01},
        {"top_p": 0.9},
        {"top_p": 0.999, "temperature": 3.0},
        {"min_p": 0.05},
        {"min_p": 1.0},
        {"min_p": 0.0},
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 0.7, "top_k": 20},
        {"logit_bias": {3: 5.0, int(REAL.argmax()): -100.0}},
        {
            "logit_bias": {7: 4.0},
            "repetition_penalty": 1.5,
            "temperature": 0.8,
            "top_k": 40,
            "top_p": 0.8,
            "min_p": 0.02,
        },
    ],
    ids=str,
)
def test_probabilities_are_those_of_transformers(chosen):
    params = SamplingParams(1, **chosen)
    biases = {(token,): bias for token, bias in (params.logit_bias or {3: 0.0}).items()}
    expected = by_transformers(
        params, SequenceBiasLogitsProcessor(biases), RepetitionPenaltyLogitsProcessor(params.repetition_penalty)
    )
    actual = probabilities(params, REAL, PROMPT_IDS)
    assert (actual > 0).tolist() == (expected > 0).tolist()
    assert np.abs(actual - expected).max() < 1e-9


class Only:
    """A guide that allows these tokens alone."""

    def __init__(self, tokens):
        self.tokens = tokens

    def masked(self, scores):
        return np.where(np.isin(np.arange(len(scores)), self.tokens), scores, -np.inf)

    def accept(self, token):
        assert token in self.tokens


@pytest.mark.parametrize(
    "chosen",
    [{}, {"top_k": 50}, {"top_p": 0.8, "min_p": 0.01}, {"temperature": 0.5, "repetition_penalty": 1.5}],
    ids=str,
)
def test_a_guide_applies_where_transformers_applies_it(chosen):
    allowed, params = [3, 7, 900, 901, 4999], SamplingParams(1, **chosen)
    expected = by_transformers(
        params,
        RepetitionPenaltyLogitsProcessor(params.repetition_penalty),
        PrefixConstrainedLogitsProcessor(lambda batch, generated: allowed, num_beams=1),
    )
    actual = probabilities(params, REAL, PROMPT_IDS, Only(allowed))
    assert np.abs(actual - expected).max() < 1e-9
    assert (actual > 0).tolist() == (expected > 0).tolist()
    greedy = Sampler(SamplingParams(1, 0.0), PROMPT_IDS, Only(allowed))
    assert greedy(REAL) == max(allowed, key=lambda token: REAL[token])


def test_presence_and_frequency_penalties_are_openais():
    """logit - presence (if it was generated) - frequency * times; the prompt does not count."""
    sample = Sampler(SamplingParams(1, 0.0, presence_penalty=0.5, frequency_penalty=0.25), prompt_ids=[0, 0])
    logits = np.array([2.0, 2.9, 2.5, 0.0])
    assert [sample(logits) for _ in range(6)] == [1, 2, 1, 0, 1, 2]
    assert logits.tolist() == [2.0, 2.9, 2.5, 0.0]


def test_the_smallest_float_is_a_valid_temperature():
    """5e-324 divided into minus infinity with a warning, which, where warnings are errors, ended the whole engine."""
    params = SamplingParams.from_request(
        {"temperature": 5e-324, "seed": 1, "top_k": 3, "top_p": 0.9}, {"max_tokens": 1}
    )
    assert Sampler(params)(LOGITS) == 1


def test_a_repetition_penalty_counts_prompt_and_completion():
    sample = Sampler(SamplingParams(1, 0.0, repetition_penalty=2.0), prompt_ids=[0])
    assert [sample(np.array([3.0, 2.5, 1.4])) for _ in range(2)] == [1, 0]


def test_token_logprobs_are_the_models_own():
    actual = token_logprobs(LOGITS, 0, 2)
    expected = torch.tensor(LOGITS).log_softmax(-1).tolist()
    assert actual.logprob == pytest.approx(expected[0])
    assert actual.top == [(1, pytest.approx(expected[1])), (2, pytest.approx(expected[2]))]
    assert token_logprobs(LOGITS, 0, 0).top == []


def test_a_nucleus_wider_than_the_first_guess():
    """Nearly equal weights: the nucleus of 0.5 is half of the vocabulary, far more than are looked at first."""
    logits = np.linspace(0, 1e-6, 1000)
    actual = counts(SamplingParams(1, top_p=0.5, seed=1), logits, 3000)
    assert min(actual) == 500  # the more probable half, and all of it can be sampled
    assert len(actual) > 450


def test_a_seed_repeats_the_tokens_and_no_seed_does_not():
    logits = np.zeros(1000, np.float32)

    def tokens(seed):
        sample = Sampler(SamplingParams(1, seed=seed))
        return [sample(logits) for _ in range(8)]

    assert tokens(5) == tokens(5)
    assert tokens(5) != tokens(6)
    assert tokens(None) != tokens(None)


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_nan_logits_fail_the_prediction(temperature):
    with pytest.raises(PredictionFailed):
        Sampler(SamplingParams(1, temperature=temperature))(np.array([0.0, np.nan], np.float32))

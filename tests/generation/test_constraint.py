"""Constrained output: the text of a model of random weights fits, and its neighbors in the batch are not changed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from service import models
from service.app import create_app
from service.errors import InvalidParameters
from service.generation import constraint as module
from service.generation.constraint import Constraints
from service.generation.limits import PARAMETERS
from service.generation.params import SamplingParams
from service.generation.sampling import Sampler
from service.settings import Settings
from service.store.versions import Store
from tests.support.tiny_text import END, byte_tokenizer, pack_tiny

ROOT = Path(__file__).parents[2]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 5, "pattern": "^[a-z]*$"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_tiny(store)
    return store


@pytest.fixture(scope="module")
def model(store):
    return models.load(Store(store).open("tiny"), Settings(workers=1))


@pytest.fixture(scope="module")
def constraints():
    tokenizer = byte_tokenizer()
    return Constraints(
        tokenizer.backend_tokenizer.to_str, vocabulary_size=len(tokenizer), eos_ids={tokenizer.eos_token_id}
    )


def generate(model, constraint, **chosen):
    return model.generate(
        "abc", model.parameters({"max_tokens": 90, "temperature": 0, "constraint": constraint} | chosen)
    )


SAMPLED = [{}, *({"temperature": 3.0, "seed": seed, "top_k": 20, "top_p": 0.99} for seed in range(4))]


@pytest.mark.parametrize("chosen", SAMPLED, ids=str)
def test_a_json_schema_is_followed(model, chosen):
    completion = generate(model, {"type": "json_schema", "schema": PERSON}, **chosen)
    assert completion.finish_reason == "stop"
    jsonschema.validate(json.loads(completion.text), PERSON)


@pytest.mark.parametrize("chosen", SAMPLED, ids=str)
def test_a_choice_is_followed(model, chosen):
    choices = ["yes", 'no, "never"', "né\n日"]
    assert generate(model, {"type": "choice", "choices": choices}, **chosen).text in choices


@pytest.mark.parametrize("chosen", SAMPLED, ids=str)
def test_a_regex_is_followed(model, chosen):
    completion = generate(model, {"type": "regex", "pattern": r"[A-Z]{3}-\d{2,4}(x|yy)?"}, **chosen)
    assert completion.finish_reason == "stop"
    assert re.fullmatch(r"[A-Z]{3}-\d{2,4}(x|yy)?", completion.text)


def test_json_object_begins_an_object(model):
    """max_tokens may end it early; what there is, is the beginning of an object."""
    text = generate(model, {"type": "json_object"}).text
    assert text.startswith("{")


def test_an_end_token_comes_only_where_the_text_is_whole(constraints):
    """The end token has the highest logit, but is allowed only where the pattern may end."""
    guide = constraints.guide(constraints.grammar({"type": "regex", "pattern": "ab{2,3}"}))
    end = byte_tokenizer().eos_token_id
    logits = np.zeros(end + 1, np.float32)
    logits[end] = 9
    allowed = []
    for token in [*byte_tokenizer()("abbb").input_ids, end]:
        scores = guide.masked(logits)
        assert scores[np.isfinite(scores)].tolist() == logits[np.isfinite(scores)].tolist()
        allowed.append(byte_tokenizer().decode(np.flatnonzero(np.isfinite(scores))))
        guide.accept(token)
    assert allowed == ["a", "b", "b", "b" + END, END]
    assert logits.sum() == 9  # unchanged


def test_unconstrained_neighbors_generate_what_they_do_alone(model):
    free = model.parameters({"max_tokens": 60, "temperature": 0})
    sampled = model.parameters({"max_tokens": 60, "temperature": 1.5, "seed": 3, "top_p": 0.9})
    alone = [model.generate(prompt, params) for prompt in ("a", "bc") for params in (free, sampled)]
    fitting = model.parameters(
        {"max_tokens": 90, "temperature": 0, "constraint": {"type": "json_schema", "schema": PERSON}}
    )
    alone_constrained = model.generate("abc", fitting)
    constrained = [model.stream("abc", fitting) for _ in range(3)]
    running = [model.stream(prompt, params) for prompt in ("a", "bc") for params in (free, sampled)]
    for each in (*constrained, *running):
        each.start()
    assert [each.collect() for each in running] == alone
    assert [each.collect() for each in constrained] == [alone_constrained] * 3


def test_logprobs_ignore_the_constraint(model):
    params = SamplingParams(4, 0.0, constraint={"type": "regex", "pattern": "[0-9]{4}"}, logprobs=1)
    generation = model.stream("abc", params)
    generation.collect()
    logprobs = generation.logprobs()
    assert len(logprobs) == 4
    assert all(each.token != each.top[0][0] and each.logprob < each.top[0][1] for each in logprobs)


def test_penalties_and_biases_apply_before_the_mask(constraints):
    """A bias of 100 does not make a forbidden token possible; among the allowed ones it decides."""
    digits = byte_tokenizer()("0123456789x").input_ids
    params = SamplingParams(4, 0.0, logit_bias={digits[7]: 50.0, digits[10]: 100.0}, presence_penalty=2.0)
    sample = Sampler(params, guide=constraints.guide(constraints.grammar({"type": "regex", "pattern": "[0-9]{2}"})))
    assert [sample(np.zeros(257, np.float32)) for _ in range(2)] == [digits[7]] * 2


# --- refusals, before anything is generated

UNUSABLE = [
    ({"type": "regex", "pattern": "(a"}, "unclosed group"),
    ({"type": "regex", "pattern": "(?=a)b"}, "look-around"),
    ({"type": "json_schema", "schema": {"type": "strin"}}, "Invalid type: strin"),
    ({"type": "json_schema", "schema": {"not": {"type": "string"}}}, 'Unimplemented keys: ["not"]'),
    ({"type": "json_schema", "schema": {"$ref": "http://example.com/schema"}}, "http://example.com/schema"),
    ({"type": "json_schema", "schema": {"$ref": "#"}}, "no text can satisfy it"),
    # An extension of the schema language may not switch off what is checked here.
    ({"type": "json_schema", "schema": {"not": {}, "x-guidance": {"lenient": True}}}, "Unimplemented keys"),
    ({"type": "regex", "pattern": "(((a{100}){100}){100}){100}"}, "too complex"),
]


@pytest.mark.parametrize(("constraint", "reason"), UNUSABLE, ids=[str(each[0])[:60] for each in UNUSABLE])
def test_an_impossible_constraint_is_refused_with_the_reason(model, constraint, reason):
    with pytest.raises(InvalidParameters, match=re.escape(reason)) as caught:
        model.stream("abc", model.parameters({"constraint": constraint}))
    (detail,) = caught.value.details
    assert detail["parameter"] == "constraint"
    assert "\n" not in caught.value.message


def test_a_schema_of_a_huge_automaton_is_refused_and_tried_once(constraints, monkeypatch):
    """The multiples of this product need an automaton of 62,615,533 states, which llguidance's bounds allow."""
    hostile = {"type": "json_schema", "schema": {"type": "integer", "multipleOf": 7919 * 7907}}
    tried, try_out = [], module.try_out
    monkeypatch.setattr(module, "try_out", lambda asked: tried.append(asked) or try_out(asked))
    for _ in range(2):
        with pytest.raises(InvalidParameters, match="it is too complex"):
            constraints.grammar(hostile)
    assert tried == [hostile]


def test_a_constraint_needs_an_end_token(model):
    with pytest.raises(InvalidParameters, match="ignore_eos"):
        generate(model, {"type": "json_object"}, ignore_eos=True)
    endless = Constraints(byte_tokenizer().backend_tokenizer.to_str, vocabulary_size=257, eos_ids=())
    with pytest.raises(InvalidParameters, match="no end token"):
        endless.guide(endless.grammar({"type": "json_object"}))


def test_an_unreadable_tokenizer_is_refused():
    broken = Constraints(lambda: "{}", vocabulary_size=257, eos_ids={256})
    with pytest.raises(InvalidParameters, match="the text cannot be held to this form: "):
        broken.guide(broken.grammar({"type": "json_object"}))


def test_a_row_that_becomes_too_complex_ends_alone(model):
    """Simple for 45 letters, longer than any trial; the rest needs more states than the limit."""
    pattern = "[a-z]{45}(((a{100}){100}){100}){100}"
    bad = model.stream(
        "abc", model.parameters({"max_tokens": 100, "constraint": {"type": "regex", "pattern": pattern}})
    )
    free = model.parameters({"max_tokens": 60, "temperature": 0})
    neighbor = model.stream("abc", free)
    bad.start()
    neighbor.start()
    with pytest.raises(InvalidParameters, match="too complex while the text was generated"):
        bad.collect()
    assert neighbor.collect() == model.generate("abc", free)
    assert model.failure is None


# --- the parameter

WRONG = [
    "json",
    {},
    {"type": "xml"},
    {"type": ["regex"]},
    {"type": "json_schema"},
    {"type": "json_schema", "schema": True},
    {"type": "json_object", "schema": {}},
    {"type": "regex", "pattern": 1},
    {"type": "regex", "pattern": "a", "flags": "i"},
    {"type": "choice", "choices": []},
    {"type": "choice", "choices": [""]},
    {"type": "choice", "choices": ["a", 1]},
    {"type": "regex", "pattern": "a" * 20_000},
]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: str(value)[:50])
def test_a_malformed_constraint_is_refused_by_name(value):
    with pytest.raises(InvalidParameters) as caught:
        SamplingParams.from_request({"constraint": value}, {"max_tokens": 8})
    assert caught.value.details[0]["parameter"] == "constraint"
    assert caught.value.details[0]["expected"] == PARAMETERS["constraint"].expected


def test_a_constraint_that_is_too_long_is_told_so():
    """The message began with the constraint, and did not say what was wrong with it."""
    with pytest.raises(InvalidParameters, match="got 18[0-9]{3} characters"):
        SamplingParams.from_request({"constraint": {"type": "regex", "pattern": "a" * 18_000}}, {"max_tokens": 8})


def test_a_constraint_nested_too_deep_is_refused():
    schema = {}
    for _ in range(100_000):
        schema = {"items": schema}
    assert not PARAMETERS["constraint"].accepts({"type": "json_schema", "schema": schema})
    while schema:  # taken apart from the outside: Python's own deallocation would recurse
        schema = schema["items"]


def test_v1_accepts_a_constraint_as_a_parameter(store):
    client = create_app(Settings(store=store)).test_client()

    def answer(constraint):
        parameters = {"max_tokens": 90, "temperature": 0, "constraint": constraint}
        return client.post("/v1/models/tiny:predict", json={"instances": ["abc", "x"], "parameters": parameters})

    good = answer({"type": "choice", "choices": ["yes", "no"]})
    assert good.status_code == 200, good.json
    assert set(map(str, re.findall(r"yes|no", good.text))) <= {"yes", "no"}
    bad = answer({"type": "regex", "pattern": "(a"})
    assert (bad.status_code, bad.json["code"]) == (422, "invalid_parameters")
    assert bad.json["details"][0]["parameter"] == "constraint"


def test_llguidance_is_imported_only_for_a_constraint():
    code = "import sys, service.models.text_generation; sys.exit('llguidance' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0

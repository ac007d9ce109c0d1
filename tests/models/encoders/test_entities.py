"""Entities are those of transformers' pipeline: every strategy, tokenizers of three families, texts in six scripts."""

import pytest
import torch
import transformers

from service.models.encoders.entities import STRATEGIES, entities, pieces_of, softmax
from service.models.encoders.tokens import Tokens
from service.wire import text_calls
from tests.support.tiny_tokenizers import FAMILIES, SENTENCES, SIZE, tokenizer_of

LABELS = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC", 5: "MISC"}
WIDE = "\uff26\uff35\uff2c\uff2c"  # letters as wide as those of Chinese, which normalizers make usual ones
TEXTS = [*SENTENCES, "Zürich", "a", " padded  with  spaces ", f"{WIDE} \ufb01 \xb2", "<mask> and </s> inside"]
SMALL = {
    "vocab_size": SIZE,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 80,
    "initializer_range": 0.5,
    "pad_token_id": 0,
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    """(transformers' pipeline, our tokens, its tokenizer, its network)"""
    tokenizer = tokenizer_of(request.param)
    torch.manual_seed(FAMILIES.index(request.param))
    network = transformers.BertForTokenClassification(transformers.BertConfig(**SMALL, id2label=LABELS)).eval()
    spec = {"max_tokens": 64, "vocabulary_size": SIZE, "token_types": False, "unknown_id": tokenizer.unk_token_id}
    tokens = Tokens(tokenizer.backend_tokenizer.to_str(), spec)
    return transformers.pipeline("token-classification", model=network, tokenizer=tokenizer), tokens, tokenizer, network


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_they_are_those_of_the_pipeline(family, strategy):
    pipeline, tokens, tokenizer, network = family
    _, encodings, faults = tokens.spans(TEXTS)
    assert not faults
    for text, encoding in zip(TEXTS, encodings, strict=True):
        with torch.inference_mode():
            logits = network(**tokenizer(text, return_tensors="pt")).logits[0].numpy()
        pieces = pieces_of(text, encoding, softmax(logits), tokens.form)
        for ignored in (["O"], ["O", "PER", "B-LOC"], []):
            given = entities(pieces, list(LABELS.values()), strategy, tokens.form, ignored)
            expected = pipeline(text, aggregation_strategy=strategy, ignore_labels=ignored)
            assert [{**each, "score": 0} for each in given] == [{**each, "score": 0} for each in expected]
            assert [each["score"] for each in given] == pytest.approx([float(each["score"]) for each in expected])


def test_places_are_characters_of_the_text_as_it_was_sent(family):
    """Not of what the tokenizer's normalizer made of it, and not bytes."""
    _, tokens, _, _ = family
    text = f"🙂 Kraków {WIDE}"
    (row,), (encoding,), _ = tokens.spans([text])
    assert len(row.ids) == len(encoding.offsets)
    assert max(end for _, end in encoding.offsets) == len(text)
    assert any(text[start:end].strip() == "🙂" for start, end in encoding.offsets)


def test_dialects_and_models_know_the_same_strategies():
    assert text_calls.STRATEGIES == STRATEGIES

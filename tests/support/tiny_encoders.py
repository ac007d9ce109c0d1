"""Encoders small enough for any test: graphs of random weights that average the vectors of a text's letters.

    pack_embedder(store)                  # `tiny_embedder`: 8 dimensions, 32 tokens, vectors of the length 1
    pack_classifier(store)                # `mood`: low, even, high
    pack_reranker(store)                  # `ranks`: pairs of query and text
    pack_zero_shot(store)                 # `judge`: entailment, neutral, contradiction
    pack_mask_filler(store)               # `guess`: of a text with the mask *
    pack_token_classifier(store)          # `spans`: capitals are one kind of entity, digits another

A token is a letter; <s> and </s> stand around a text. They are written as packing writes them, in a millisecond.
"""

import string

import numpy as np
import onnx
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from service.models.encoders.reranker import ACTIVATIONS
from service.models.encoders.tokens import TOKENIZER
from service.models.tables.column import Column
from service.store.manifest import Manifest
from service.store.versions import Store
from tests.support import graphs

DIMENSION, MAX_TOKENS = 8, 32
LABELS = ["low", "even", "high"]
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
LETTERS = [*SPECIAL, *string.ascii_letters, *string.digits, *" .,;:!?'-*"]
EXAMPLE = "a fine day"
SPEC = {
    "architecture": "Letters",
    "parameter_count": len(LETTERS) * DIMENSION,
    "max_tokens": MAX_TOKENS,
    "vocabulary_size": len(LETTERS),
    "padding_id": 0,
    "token_types": False,
    "runtime": {"name": "onnx", "compiler": "by hand", "payload": "model.onnx", "precision": "float32"}
    | {"texts": 1, "measured": 0.0, "neighbors": 0.0, "tolerance": 3e-5},
}


def letter_tokenizer():
    vocabulary = {letter: place for place, letter in enumerate(LETTERS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


def vectors(width, seed=0):
    return np.random.default_rng(seed).normal(size=(len(LETTERS), width)).astype(np.float32)


def letter_graph(width, *, normalized):
    """The mean of the letters' vectors, as an ONNX model."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["states"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["weights"]),
        helper.make_node("Mul", ["states", "weights"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["weights", "tokens"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["mean" if normalized else "numbers"]),
    ]
    if normalized:
        nodes.append(helper.make_node("LpNormalization", ["mean"], ["numbers"], axis=1, p=2))
    return graphs.model(
        nodes,
        [graphs.value(name, TensorProto.INT64, ["texts", "length"]) for name in ("input_ids", "attention_mask")],
        [graphs.value("numbers", shape=["texts", width])],
        {"table": vectors(width), "last": [-1], "tokens": [1]},
        {"": 21},
    )


def numbers_of(text, width=DIMENSION, *, normalized=True):
    """What the graph gives for a text, computed by hand."""
    ids = letter_tokenizer().encode(text).ids
    mean = vectors(width)[ids].mean(axis=0)
    return mean / np.linalg.norm(mean) if normalized else mean


def pack_embedder(store, name="tiny_embedder", **spec):
    example = {"instances": [EXAMPLE], "predictions": [numbers_of(EXAMPLE).tolist()]}
    own = {"pooling": "mean", "normalized": True, "dimension": DIMENSION, "prompts": {"query": "q: "}, "prompt": None}
    return written(store, name, "text_embedding", letter_graph(DIMENSION, normalized=True), own | spec, example)


def pack_classifier(store, name="mood", problem="single_label_classification", **spec):
    own = {
        "estimator": "Letters",
        "task": problem.replace("_", " "),
        "problem": problem,
        "pairs": True,
        "labels": LABELS,
        "container": "list",
        "columns": [Column("text", "text", "object").to_json()],
        "outputs": {
            "predict": {"dtype": "string", "shape": [None]},
            "predict_proba": {"dtype": "number", "shape": [None, 3], "labels": LABELS},
        },
    }
    numbers = numbers_of(EXAMPLE, 3, normalized=False).astype(np.float64)
    powers = np.exp(numbers)
    outputs = {
        "predict": [LABELS[int(numbers.argmax())]],
        "predict_proba": [dict(zip(LABELS, (powers / powers.sum()).tolist(), strict=True))],
    }
    example = {"instances": [{"text": EXAMPLE}], "outputs": outputs}
    return written(store, name, "text_classification", letter_graph(3, normalized=False), own | spec, example)


def number_of_pair(query, text):
    """What the graph gives for a pair, computed by hand."""
    return float(vectors(1)[letter_tokenizer().encode(query, text).ids].mean())


def pack_reranker(store, name="ranks", activation="identity", **spec):
    own = {
        "estimator": "Letters",
        "task": "reranking",
        "activation": activation,
        "container": "array",
        "columns": [Column(column, "text", "object").to_json() for column in ("query", "text")],
        "outputs": {"predict": {"dtype": "number", "shape": [None]}},
    }
    example = {
        "instances": [{"query": "fine?", "text": EXAMPLE}],
        "outputs": {"predict": [float(ACTIVATIONS[activation](np.float64(number_of_pair("fine?", EXAMPLE))))]},
    }
    return written(store, name, "text_reranking", letter_graph(1, normalized=False), own | spec, example)


def numbers_of_pair(text, sentence):
    """What the graph of a zero-shot classifier gives for a pair, computed by hand."""
    return vectors(3)[letter_tokenizer().encode(text, sentence).ids].mean(axis=0)


def pack_zero_shot(store, name="judge", **spec):
    own = {
        "task": "zero-shot classification",
        "labels": ["contradiction", "neutral", "entailment"],
        "entailment": 2,
        "truncation": "only_first",
    }
    found = np.exp([numbers_of_pair(EXAMPLE, f"This example is {label}.")[2] for label in ("a", "Z")])
    scores = dict(zip(("a", "Z"), (found / found.sum()).tolist(), strict=True))
    labels = sorted(scores, key=lambda label: -scores[label])
    given = {"sequence": EXAMPLE, "labels": labels, "scores": [scores[label] for label in labels]}
    example = {"instances": [EXAMPLE], "parameters": {"candidate_labels": ["a", "Z"]}, "predictions": [given]}
    return written(store, name, "zero_shot_classification", letter_graph(3, normalized=False), own | spec, example)


def token_graph(table):
    """The row of each letter in a table, as an ONNX model."""
    return graphs.model(
        [helper.make_node("Gather", ["table", "input_ids"], ["numbers"])],
        [graphs.value(name, TensorProto.INT64, ["texts", "length"]) for name in ("input_ids", "attention_mask")],
        [graphs.value("numbers", shape=["texts", "length", table.shape[1]])],
        {"table": table},
        {"": 21},
    )


MASK = "*"


def pack_mask_filler(store, name="guess", **spec):
    """Its scores at a mask tell of the mask's place alone."""
    table = vectors(len(LETTERS))
    graph = graphs.model(
        [helper.make_node("Gather", ["table", "mask_places"], ["numbers"])],
        [
            graphs.value(each, TensorProto.INT64, ["texts", size])
            for each, size in (("input_ids", "length"), ("attention_mask", "length"), ("mask_places", "masks"))
        ],
        [graphs.value("numbers", shape=["texts", "masks", len(LETTERS)])],
        {"table": table},
        {"": 21},
    )
    own = {"task": "fill-mask", "mask": MASK, "mask_id": LETTERS.index(MASK), "pad_id": 0}
    scores = scores_at(1)
    first = [
        {"score": float(scores[place]), "token": int(place), "token_str": LETTERS[place], "sequence": ""}
        for place in np.argsort(-scores)[:5]
    ]
    return written(store, name, "fill_mask", graph, own | spec, {"instances": [f"{MASK} day"], "predictions": [first]})


def scores_at(place):
    """Of every letter, for a mask that is the token at this place."""
    powers = np.exp(vectors(len(LETTERS))[place])
    return powers / powers.sum()


TAGS = ["O", "B-CAP", "NUM"]
SURE = float(np.exp(8) / (np.exp(8) + 2))  # the score of each of its tokens


def entity(text, start, end, group):
    return {"entity_group": group, "score": SURE, "word": " ".join(text[start:end]), "start": start, "end": end}


def pack_token_classifier(store, name="spans", **spec):
    table = np.zeros((len(LETTERS), 3), np.float32)
    for place, letter in enumerate(LETTERS):
        table[place, (len(letter) == 1) * (letter.isupper() + 2 * letter.isdigit())] = 8
    own = {"task": "token classification", "labels": TAGS, "unknown_id": LETTERS.index("<unk>")}
    text = "Ada 12"
    example = {"instances": [text], "predictions": [[entity(text, 0, 1, "CAP"), entity(text, 4, 6, "NUM")]]}
    return written(store, name, "token_classification", token_graph(table), own | spec, example)


def written(store, name, kind, graph, spec, example):
    opened = Store(store)
    with opened.adding(name) as draft:
        onnx.save(graph, draft.folder / "model.onnx")
        letter_tokenizer().save(str(draft.folder / TOKENIZER))
        draft.manifest = Manifest(
            draft.model, draft.version, kind, draft.digests(), SPEC | spec, example, provenance={"packages": {}}
        )
    return opened.open(name)

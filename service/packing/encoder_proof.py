"""Prove a compiled encoder: loaded as a worker loads it, it must give torch's numbers, for texts of every length.

    manifest = prove(version, module, tokenizer)
    manifest.spec["runtime"]["measured"]       # 2.2e-07

Each text is compared alone and among others of like length, so the bound is also one on what neighbors may change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..capabilities import HYPOTHESIS, FillMaskCall, ZeroShotCall
from ..generation.encoders.work import Row
from ..models.class_scores import scores
from ..models.encoders.classifier import ClassifierRuntime
from ..models.encoders.entities import entities, pieces_of, softmax
from ..models.encoders.loading import load_encoder
from ..models.encoders.mask_filler import fillings
from ..models.encoders.reranker import RerankerRuntime
from ..models.encoders.table import EncoderRuntime
from ..models.encoders.tokens import TOKENIZER, Tokens
from ..models.encoders.zero_shot import hypotheses, judged
from ..models.tables.output import Output
from ..settings import Settings
from ..store.manifest import Manifest
from ..store.versions import StoredVersion
from .encoder_network import Encoder, batch
from .quality import PROMPTS, PROSE

__all__ = ["TOLERANCE", "prove"]

TOLERANCE = 3e-5  # between the graph's numbers and torch's, as a part of the largest of torch's
DIGITS = 7  # of the example's numbers
# What a text may be like: empty, of one letter, in other scripts, with marks that the tokenizer knows.
ODD = (
    "", " ", "a", "naïve café", "日本語のテキスト", "Привет, мир", "مرحبا بالعالم", "नमस्ते दुनिया", "שלום עולם", "🙂🙂",
    "[CLS] a [SEP] b </s> <s> <mask>", "tab\tand\r\nlines", "1998-11-27T20:34:17Z", "e\u0301 \u00e9 \u2168 \u2028",
)  # fmt: skip
PAIRS = 4  # of so many pairs of texts, one is tried with a classifier, which is seldom asked for them
NAMES = "Ada Lovelace met Charles Babbage in London on 5 June 1833."
CANDIDATES = ("science", "sport", "cooking")  # labels of a request
ASKED = hypotheses(CANDIDATES, HYPOTHESIS)
SURE = 1e-2  # of logits: more than any rounding
LENGTHS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377)  # words


def prove(version: StoredVersion, module: Encoder, tokenizer: Any) -> Manifest:
    """The manifest with an example, and with how far the served numbers are from torch's.

    Raises ValueError where a text has other tokens than transformers gives it, or a number is too far away.
    """
    spec = version.manifest.spec
    tokens = Tokens.load(version)
    texts: list[Any] = proof_texts(spec["max_tokens"])
    if version.manifest.kind == "text_reranking":
        texts = pairs(texts)
    elif version.manifest.kind == "fill_mask":
        mask = spec["mask"]
        texts = [*(f"{mask} {text}" for text in texts), f"{mask}{mask}, {mask}.", f"{mask} is the capital of France."]
    elif version.manifest.kind == "zero_shot_classification":
        texts = [*((text, ASKED[0]) for text in texts), *((NAMES, each) for each in ASKED)]
    elif spec.get("pairs"):
        texts = [*texts, *pairs(texts)[::PAIRS]]
    else:
        texts = [*texts, NAMES]
    # Where a tokenizer has no marks of its own, an empty text has no tokens, and is refused.
    texts = [text for text in texts if not tokens.rows([text], truncate=True)[1]]
    rows = proven_rows(tokens, tokenizer, texts)
    if version.manifest.kind == "token_classification":
        check_spans(tokens, tokenizer, texts)
    elif version.manifest.kind == "fill_mask":
        check_written(tokens, tokenizer, rows)
    by_text = [numbers(module, row) for row in rows]
    expected = np.concatenate([np.atleast_2d(each) for each in by_text])
    engine = load_encoder(version, Settings(workers=1))
    together = engine.encode(rows)
    alone = np.concatenate([engine.encode([row]) for row in rows])
    engine.stop()
    scale = float(np.abs(expected).max()) or 1.0
    far, apart = (float(np.abs(together - other).max()) / scale for other in (expected, alone))
    if not max(far, apart) <= TOLERANCE:
        raise ValueError(
            f"the graph's numbers differ from torch's by {far:.1e} of the largest, and by {apart:.1e} between texts "
            f"alone and among others; {TOLERANCE} is allowed"
        )
    measured = {"texts": len(texts), "measured": far, "neighbors": apart, "tolerance": TOLERANCE}
    proven = replace(version.manifest, spec=spec | {"runtime": spec["runtime"] | measured})
    return replace(proven, example=example(proven, tokens, texts, by_text))


def proven_rows(tokens: Tokens, tokenizer: Any, texts: list[Any]) -> list[Row]:
    """The rows of texts, or pairs of them, cut to the longest. Raises ValueError where transformers has other ids."""
    rows, _ = tokens.rows(texts, truncate=True)
    for text, row in zip(texts, rows, strict=True):
        # A list of one: alone, a pair whose second text is empty would be taken for a single text.
        given = text if isinstance(text, tuple) else tokens.prepared(text)
        encoded = tokenizer([given], truncation=tokens.truncation, max_length=tokens.max_tokens)
        (ids,), types = encoded.input_ids, encoded.get("token_type_ids")
        if row.ids.tolist() != ids:
            raise ValueError(
                f"{TOKENIZER} splits {given!r:.60} into {row.ids.tolist()[:20]}, and transformers into {ids[:20]}"
            )
        if row.types is not None and [row.types.tolist()] != types:
            raise ValueError(f"{TOKENIZER} tells the texts of a pair by other token types than transformers")
    return rows


def check_spans(tokens: Tokens, tokenizer: Any, texts: list[str]) -> None:
    """Raise ValueError where transformers says otherwise where the tokens of a text stand, or how they are written."""
    _, encodings, _ = tokens.spans(texts, truncate=True)
    asked = {"truncation": True, "return_offsets_mapping": True, "return_special_tokens_mask": True}
    for text, encoding in zip(texts, encodings, strict=True):
        given = tokenizer(text, max_length=tokens.max_tokens, **asked)
        words = tokenizer.convert_ids_to_tokens(encoding.ids)
        # What is unknown has its own letters in an encoding, and is shown by those of the text.
        known = [
            word if each == tokens.form.unknown else own
            for each, word, own in zip(encoding.ids, words, encoding.tokens, strict=True)
        ]
        ours = (encoding.offsets, encoding.special_tokens_mask, known, tokens.joined(words))
        theirs = (given.offset_mapping, given.special_tokens_mask, words, tokenizer.convert_tokens_to_string(words))
        if ours != theirs:
            raise ValueError(
                f"{TOKENIZER} finds the tokens of {text!r:.60} elsewhere than transformers, or writes others"
            )


def check_written(tokens: Tokens, tokenizer: Any, rows: list[Row]) -> None:
    """Raise ValueError where transformers writes the tokens of a text otherwise."""
    for row in rows:
        ids = row.ids.tolist()
        for skip in (False, True):
            if tokens.written(ids, skip_marks=skip) != (text := tokenizer.decode(ids, skip_special_tokens=skip)):
                raise ValueError(
                    f"{TOKENIZER} writes {tokens.written(ids)!r:.60} for what transformers has {text!r:.60}"
                )


@torch.inference_mode()
def numbers(module: Encoder, row: Row) -> np.ndarray:
    """What torch gives for one text by itself, or for each of its tokens."""
    ids, mask = batch([row.ids.tolist()], module.padding)
    types = None if row.types is None else torch.tensor(row.types[None].astype(np.int64))
    return module(**module.given(ids, mask, types))[0].numpy()


def proof_texts(max_tokens: int) -> list[str]:
    """Texts of one word to more than fits, and odd ones."""
    words = PROSE.split()
    words *= 1 + (max_tokens + 8) // len(words)
    lengths = sorted({*(length for length in LENGTHS if length < max_tokens), max_tokens // 2, max_tokens + 8})
    return [*ODD, *PROMPTS, *PROSE.split("\n\n"), *(" ".join(words[:length]) for length in lengths if length)]


def pairs(texts: list[str]) -> list[tuple[str, str]]:
    """Each text with a question before it; and a few as questions themselves."""
    return [*((PROMPTS[0], text) for text in texts), *((text, PROMPTS[0]) for text in texts[:: len(texts) // 8])]


def example(manifest: Manifest, tokens: Tokens, texts: list[Any], by_text: list[np.ndarray]) -> dict[str, Any]:
    """What every worker replays before it serves. by_text: what torch gives for each."""
    if manifest.kind == "fill_mask":
        (row,), _ = tokens.rows(texts[-1:], truncate=True)
        filled = fillings(row.ids, by_text[-1], FillMaskCall(texts[-1:]).top_k, tokens, manifest.spec)
        return {"instances": texts[-1:], "predictions": [filled]}
    if manifest.kind == "zero_shot_classification":
        call = ZeroShotCall([NAMES], CANDIDATES)
        given = judged(NAMES, np.array(by_text[-len(ASKED) :]), call, manifest.spec)
        return {"instances": [NAMES], "parameters": {"candidate_labels": [*CANDIDATES]}, "predictions": [given]}
    if manifest.kind == "token_classification":
        return spans_example(manifest, tokens, texts, by_text)
    expected = np.array(by_text)
    if manifest.kind == "text_reranking":
        return rows_example(manifest, RerankerRuntime(tokens, None, manifest.spec), texts[:3], expected[:3])
    if "labels" not in manifest.spec:
        place = texts.index(PROMPTS[0])
        vector = [float(f"{number:.{DIGITS}g}") for number in expected[place].tolist()]
        return {"instances": [texts[place]], "predictions": [vector]}
    found = scores(expected, manifest.spec["problem"])
    # The text whose label another processor's rounding is the least likely to turn.
    places = [place for place, text in enumerate(texts) if text in PROMPTS]
    place = max(places, key=lambda place: lead(found[place], manifest.spec["problem"]))
    runtime = ClassifierRuntime(tokens, None, manifest.spec)
    return rows_example(manifest, runtime, [(texts[place],)], expected[[place]])


def spans_example(manifest: Manifest, tokens: Tokens, texts: list[str], by_text: list[np.ndarray]) -> dict[str, Any]:
    """A text with names and its entities; another text, where rounding might change one of their labels."""
    labels = manifest.spec["labels"]
    leads = {
        text: lead_of_tokens(found)
        for text, found in zip(texts, by_text, strict=True)
        if text in (NAMES, *PROMPTS) and not tokens.rows([text])[1]
    }
    text = NAMES if leads.get(NAMES, 0.0) > SURE else max(leads, key=lambda text: leads[text])
    _, (encoding,), _ = tokens.spans([text])
    pieces = pieces_of(text, encoding, softmax(by_text[texts.index(text)]), tokens.form)
    return {"instances": [text], "predictions": [entities(pieces, labels, "simple", tokens.form, ("O",))]}


def lead_of_tokens(logits: np.ndarray) -> float:
    """How far the least sure of a text's tokens is from another label."""
    return float(np.diff(np.sort(logits)[:, -2:], axis=1).min()) if logits.shape[1] > 1 else np.inf


def rows_example(
    manifest: Manifest, runtime: EncoderRuntime, rows: list[tuple[str, ...]], logits: np.ndarray
) -> dict[str, Any]:
    """Rows of a table, and what it gives for them."""
    names = [column["name"] for column in manifest.spec["columns"]]
    given = runtime.answers(logits, list(manifest.spec["outputs"]))
    described = {name: Output(**each) for name, each in manifest.spec["outputs"].items()}
    return {
        "instances": [dict(zip(names, row, strict=True)) for row in rows],
        "outputs": {name: output.plain(given[name]) for name, output in described.items()},
    }


def lead(found: np.ndarray, problem: str) -> float:
    """How far a text's scores are from giving another label."""
    if problem == "single_label_classification":
        return float(np.diff(np.sort(found)[-2:])[0])
    return float(np.abs(found - 0.5).min())

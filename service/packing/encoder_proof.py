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

from ..generation.encoders.work import Row
from ..models.encoders.classifier import ClassifierRuntime, scores
from ..models.encoders.loading import load_encoder
from ..models.encoders.tokens import TOKENIZER, Tokens
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
LENGTHS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377)  # words


def prove(version: StoredVersion, module: Encoder, tokenizer: Any) -> Manifest:
    """The manifest with an example, and with how far the served numbers are from torch's.

    Raises ValueError where a text has other tokens than transformers gives it, or a number is too far away.
    """
    spec = version.manifest.spec
    tokens = Tokens.load(version)
    # Where a tokenizer has no marks of its own, an empty text has no tokens, and is refused.
    texts = [text for text in proof_texts(spec["max_tokens"]) if not tokens.rows([text], truncate=True)[1]]
    rows = proven_rows(tokens, tokenizer, texts)
    expected = np.array([numbers(module, row) for row in rows])
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
    return replace(proven, example=example(proven, tokens, texts, expected))


def proven_rows(tokens: Tokens, tokenizer: Any, texts: list[str]) -> list[Row]:
    """The rows of texts, cut to the longest. Raises ValueError where transformers has other ids."""
    rows, _ = tokens.rows(texts, truncate=True)
    for text, row in zip(map(tokens.prepared, texts), rows, strict=True):
        ids = tokenizer(text, truncation=True, max_length=tokens.max_tokens).input_ids
        if row.ids.tolist() != ids:
            raise ValueError(
                f"{TOKENIZER} splits {text[:40]!r} into {row.ids.tolist()[:20]}, and transformers into {ids[:20]}"
            )
    return rows


@torch.inference_mode()
def numbers(module: Encoder, row: Row) -> np.ndarray:
    """What torch gives for one text by itself."""
    return module(*batch([row.ids.tolist()], module.padding))[0].numpy()


def proof_texts(max_tokens: int) -> list[str]:
    """Texts of one word to more than fits, and odd ones."""
    words = PROSE.split()
    words *= 1 + (max_tokens + 8) // len(words)
    lengths = sorted({*(length for length in LENGTHS if length < max_tokens), max_tokens // 2, max_tokens + 8})
    return [*ODD, *PROMPTS, *PROSE.split("\n\n"), *(" ".join(words[:length]) for length in lengths if length)]


def example(manifest: Manifest, tokens: Tokens, texts: list[str], expected: np.ndarray) -> dict[str, Any]:
    """What every worker replays before it serves."""
    if "labels" not in manifest.spec:
        place = texts.index(PROMPTS[0])
        vector = [float(f"{number:.{DIGITS}g}") for number in expected[place].tolist()]
        return {"instances": [texts[place]], "predictions": [vector]}
    found = scores(expected, manifest.spec["problem"])
    # The text whose label another processor's rounding is the least likely to turn.
    places = [place for place, text in enumerate(texts) if text in PROMPTS]
    place = max(places, key=lambda place: lead(found[place], manifest.spec["problem"]))
    given = ClassifierRuntime(tokens, None, manifest.spec).answers(found[[place]], list(manifest.spec["outputs"]))
    described = {name: Output(**each) for name, each in manifest.spec["outputs"].items()}
    return {
        "instances": [{manifest.spec["columns"][0]["name"]: texts[place]}],
        "outputs": {name: output.plain(given[name]) for name, output in described.items()},
    }


def lead(found: np.ndarray, problem: str) -> float:
    """How far a text's scores are from giving another label."""
    if problem == "single_label_classification":
        return float(np.diff(np.sort(found)[-2:])[0])
    return float(np.abs(found - 0.5).min())

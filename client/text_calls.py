"""What a client asks of encoders: labels, vectors, ranks and entities of texts.

    with Client("http://127.0.0.1:1200") as client:
        client.classify("a fine film")
        client.classify_tokens("Ada was in London")

`embed` uses `/v1/embeddings`, OpenAI's; `rerank` uses `/v1/rerank`, which Cohere, Jina and vLLM share; the others
`/v1/models/<model>:predict`, the protocol of KServe and TensorFlow Serving.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .answers import Embeddings, Predictions, Ranking
from .base_client import BaseClient
from .calls import Body, Call
from .rows import listed, without_none

__all__ = ["classify", "classify_tokens", "classify_zero_shot", "embed", "fill_mask", "rerank"]


def classify(
    client: BaseClient,
    texts: str | Iterable[str],
    model: str | None = None,
    *,
    version: str | None = None,
    top_k: int | None = None,
    timeout: float | None = None,
) -> Call[Predictions]:
    """Texts, or one -> Predictions, a list of labels; `.outputs["predict_proba"]` has the probabilities.

    model: a name; None is the server's only classifier of texts. top_k: only the k most probable labels of each.
    Raises as `predict`.
    """
    rows = [[text] for text in listed(texts)]
    outputs = ["predict", "predict_proba"]
    body = Body.json({"instances": rows, **without_none({"outputs": outputs, "top_k": top_k})})
    return client._predict("text_classification", model, version, body, Predictions.from_answer, timeout)


def embed(
    client: BaseClient,
    texts: str | Iterable[str],
    model: str | None = None,
    *,
    dimensions: int | None = None,
    truncate: bool | None = None,
    prompt_name: str | None = None,
    timeout: float | None = None,
) -> Call[Embeddings]:
    """Texts, or one -> Embeddings, a list with a vector for each.

    model: a name; None is the server's default for embeddings. dimensions: how many numbers of each vector, its
    first. truncate: cut texts that are too long, rather than refuse them. prompt_name: of one of the model's
    prompts, which is put before each text.
    """
    deadline = client.retries.until(timeout)
    options = {"dimensions": dimensions, "truncate": truncate, "prompt_name": prompt_name}
    payload = {"input": listed(texts), "encoding_format": "base64", **without_none(options)}
    name = model or (yield from client._default("text_embedding", deadline))
    body = Body.json({"model": name, **payload})
    return (yield from client._ask("POST", "/v1/embeddings", Embeddings.from_answer, body, deadline))


def rerank(
    client: BaseClient,
    query: str,
    texts: Iterable[str],
    model: str | None = None,
    *,
    top_n: int | None = None,
    truncate: bool | None = None,
    timeout: float | None = None,
) -> Call[Ranking]:
    """Texts -> Ranking, a list of them with their scores, that which answers the query best first.

    model: a name; None is the server's default for ranking. top_n: only the n best. truncate: cut a query and a
    text that are too long together, rather than refuse them.
    """
    listed([query])
    options = {"model": model, "top_n": top_n, "truncate": truncate}
    body = Body.json({"query": query, "documents": listed(texts), "return_documents": True, **without_none(options)})
    return client._ask("POST", "/v1/rerank", Ranking.from_answer, body, client.retries.until(timeout))


def classify_tokens(
    client: BaseClient,
    texts: str | Iterable[str],
    model: str | None = None,
    *,
    version: str | None = None,
    aggregation_strategy: str | None = None,
    ignore_labels: Iterable[str] | None = None,
    truncate: bool | None = None,
    timeout: float | None = None,
) -> Call[Predictions]:
    """Texts, or one -> Predictions, a list with the entities of each: dicts with "entity_group", "score", "word",
    and the "start" and "end" of the characters.

    model: a name; None is the server's default for entities. aggregation_strategy: how tokens become entities, as
    in transformers: "none", "simple", "first", "average" or "max"; None is "simple". ignore_labels: labels that
    are left out; None is ["O"]. truncate: cut texts that are too long, rather than refuse them.
    """
    options = {
        "aggregation_strategy": aggregation_strategy,
        "ignore_labels": None if ignore_labels is None else list(ignore_labels),
        "truncate": truncate,
    }
    return read(client, "token_classification", texts, model, version, options, timeout)


def classify_zero_shot(
    client: BaseClient,
    texts: str | Iterable[str],
    candidate_labels: Iterable[str],
    model: str | None = None,
    *,
    version: str | None = None,
    hypothesis_template: str | None = None,
    multi_label: bool | None = None,
    truncate: bool | None = None,
    timeout: float | None = None,
) -> Call[Predictions]:
    """Texts, or one -> Predictions, for each a dict with its "labels", the best first, and their "scores".

    candidate_labels: labels of your own. model: a name; None is the server's default for this. hypothesis_template:
    the sentence that a label makes, {} standing for it; None is "This example is {}.". multi_label: whether several
    may fit; else the scores of a text add up to 1. truncate: cut texts that are too long, rather than refuse them.
    """
    options = {
        "candidate_labels": listed(candidate_labels),
        "hypothesis_template": hypothesis_template,
        "multi_label": multi_label,
        "truncate": truncate,
    }
    return read(client, "zero_shot_classification", texts, model, version, options, timeout)


def fill_mask(
    client: BaseClient,
    texts: str | Iterable[str],
    model: str | None = None,
    *,
    version: str | None = None,
    top_k: int | None = None,
    truncate: bool | None = None,
    timeout: float | None = None,
) -> Call[Predictions]:
    """Texts, or one, with the model's mask in it -> Predictions, for each a list of dicts, the likeliest first:
    "score", "token_str", and "sequence", the whole text; of a text with several masks a list for each of them.

    model: a name; None is the server's default for this; `describe(model)["mask"]` is its mask. top_k: how many for
    each mask; None is 5. truncate: cut texts that are too long, rather than refuse them.
    """
    return read(client, "fill_mask", texts, model, version, {"top_k": top_k, "truncate": truncate}, timeout)


def read(
    client: BaseClient,
    kind: str,
    texts: str | Iterable[str],
    model: str | None,
    version: str | None,
    options: dict[str, Any],
    timeout: float | None,
) -> Call[Predictions]:
    """Texts, or one -> what each gets. options: those that are not None are sent as parameters."""
    body = Body.json({"instances": listed(texts), "parameters": without_none(options)})
    return client._predict(kind, model, version, body, Predictions.from_answer, timeout)

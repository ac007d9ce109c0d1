"""What a model can do, and what it is asked to do: the words that dialects and models share.

    PREDICT_TABLE in model.capabilities                    # True: it answers rows of a table
    model.run(TableCall([{"age": 31}], outputs=["predict"]), deadline=None)

A dialect decodes a body into a call, a model answers the call, the dialect encodes the answer. Neither knows the
other: dispatch is on the capability alone. This module is a leaf; it imports nothing of Daylight's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

__all__ = [
    "CAPABILITIES",
    "CLASSIFY_IMAGE",
    "CLASSIFY_TEXT",
    "CLASSIFY_TOKENS",
    "CLASSIFY_ZERO_SHOT",
    "EMBED_TEXT",
    "FILL_MASK",
    "GENERATE_TEXT",
    "HYPOTHESIS",
    "PREDICT_TABLE",
    "RERANK_TEXT",
    "RUN_TENSORS",
    "Capability",
    "ClassifyCall",
    "ClassifyImageCall",
    "EmbedCall",
    "FillMaskCall",
    "Part",
    "RerankCall",
    "TableCall",
    "TensorCall",
    "TextCall",
    "TokensCall",
    "Tools",
    "Unread",
    "ZeroShotCall",
    "count_tokens",
    "summary",
]


@dataclass(frozen=True, eq=False)  # compared and hashed by identity: it is the key of tables on the hot path
class Capability:
    """One thing that models can do.

    name: in `/v1/models`, in the client, and of the page's template. noun: what its answers are called in messages.
    verb: what a model with it does, in the third person. default_setting: the Settings field that names the model
    which answers where a request names none; "" where there is no such setting. in_turn: True where a request is
    answered by one call, so that admission can bound the expected wait; False where work is started, runs beside
    other requests' work, and may be streamed and cancelled.
    """

    name: str
    noun: str
    verb: str
    default_setting: str = ""
    in_turn: bool = True


PREDICT_TABLE = Capability("predict_table", "predictions", "predicts tables", "default_tabular")
GENERATE_TEXT = Capability("generate_text", "generations", "generates text", "default_text", in_turn=False)
EMBED_TEXT = Capability("embed_text", "embeddings", "embeds texts", "default_embedding")
RERANK_TEXT = Capability("rerank_text", "rankings", "ranks texts", "default_reranker")
CLASSIFY_TOKENS = Capability("classify_tokens", "entities", "finds entities in texts", "default_token_classifier")
CLASSIFY_ZERO_SHOT = Capability(
    "classify_zero_shot", "classifications", "classifies texts by labels of the request", "default_zero_shot"
)
FILL_MASK = Capability("fill_mask", "fillings", "fills masks in texts", "default_fill_mask")
CLASSIFY_IMAGE = Capability(
    "classify_image", "classifications of images", "classifies images", "default_image_classifier"
)
RUN_TENSORS = Capability("run_tensors", "outputs of networks", "computes tensors of tensors", "default_network")

# What a model of one text is asked where a text comes without the name of a model, and no model here writes any.
CLASSIFY_TEXT = "classify_text"

CAPABILITIES = (
    *(PREDICT_TABLE, GENERATE_TEXT, EMBED_TEXT, RERANK_TEXT),
    *(CLASSIFY_TOKENS, CLASSIFY_ZERO_SHOT, FILL_MASK, CLASSIFY_IMAGE, RUN_TENSORS),
)


@dataclass(slots=True)
class TableCall:
    """Rows to predict, in any form that the column plan reads.

    instances: a list of rows (objects by column name, or lists in the fitted order), an object of columns, or an
    array [rows, columns]. outputs: names of the model's outputs; None: its first. top_k: how many of the most
    probable labels each row keeps; None: all. warnings: of how the rows were read, for the answer.
    """

    instances: Any
    outputs: list[str] | None = None
    top_k: int | None = None
    warnings: tuple[str, ...] = ()

    capability: ClassVar[Capability] = PREDICT_TABLE


@dataclass(slots=True)
class ClassifyCall:
    """Texts, or pairs of them, to be told how well each of a classifier's labels fits.

    A classifier of texts is a table of one column; this asks it for what no table has: pairs, and texts that are cut.
    truncate: whether a text that is too long is cut, as the tokenizer cuts it, rather than refused.
    """

    texts: Sequence[str | tuple[str, str]]
    truncate: bool = False

    capability: ClassVar[Capability] = PREDICT_TABLE


@dataclass(frozen=True)
class Tools:
    """Functions that a text model may call instead of writing to the user, or besides.

    functions: {"name", "description", "parameters": the JSON schema of an object}, each name once. required: whether it
    has to call one. parallel: whether it may call several in one message.
    """

    functions: Sequence[dict[str, Any]]
    required: bool = False
    parallel: bool = True


class Part(NamedTuple):
    """A piece of what a text model wrote.

    kind: "text" of the message; "call", where the call of a function begins: text is its name; or "arguments": a piece
    of the JSON of the call that began last.
    """

    kind: str
    text: str


@dataclass(slots=True)
class TextCall:
    """Prompts to continue.

    prompts: texts, lists of token ids, or lists of messages {"role", "content": a text, or a list of parts}; an answer
    may have "tool_calls", a list of {"id", "name", "arguments": an object}, and a message of the role "tool", which
    holds what a function gave, has the "tool_call_id". parameters: sampling parameters by their OpenAI names. n:
    completions of each prompt. logprobs: None, or how many alternatives each token lists. tools: what may be called.
    special_tokens: whether the tokenizer puts its own marks around a text, such as a start token, and reads those that
    are spelled in it. to_the_end: whether a text is as long as the model writes it where the parameters do not say
    max_tokens.
    """

    prompts: Sequence[Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    n: int = 1
    logprobs: int | None = None
    tools: Tools | None = None
    special_tokens: bool = True
    to_the_end: bool = False

    capability: ClassVar[Capability] = GENERATE_TEXT


@dataclass(slots=True)
class EmbedCall:
    """Texts to turn into vectors.

    texts: each a text, or token ids, which hold the tokenizer's own marks already. truncate: whether a text that is
    too long is cut, as the tokenizer cuts it, rather than refused. dimensions: how many numbers of each vector, its
    first; None: all. normalize: whether a vector has the length 1; None: as the model was made. prompt: the name of
    one of the model's prompts, which is put before each text; None: the model's own choice.
    """

    texts: Sequence[str | Sequence[int]]
    truncate: bool = False
    dimensions: int | None = None
    normalize: bool | None = None
    prompt: str | None = None

    capability: ClassVar[Capability] = EMBED_TEXT


@dataclass(slots=True)
class RerankCall:
    """Texts to be told how well each answers a query.

    truncate: whether a query and a text that are too long together are cut, as the tokenizer cuts pairs, rather than
    refused.
    """

    query: str
    texts: Sequence[str]
    truncate: bool = False

    capability: ClassVar[Capability] = RERANK_TEXT


@dataclass(slots=True)
class TokensCall:
    """Texts whose tokens are to be classified, and the entities that they make.

    aggregation: how tokens become entities, one of transformers' strategies: "none", "simple", "first", "average" or
    "max". ignored: labels that are left out. truncate: whether a text that is too long is cut, rather than refused.
    """

    texts: Sequence[str]
    aggregation: str = "simple"
    ignored: Sequence[str] = ("O",)
    truncate: bool = False

    capability: ClassVar[Capability] = CLASSIFY_TOKENS


HYPOTHESIS = "This example is {}."  # that of transformers' pipeline


@dataclass(slots=True)
class ZeroShotCall:
    """Texts to be told how well each of some labels fits.

    template: the sentence that a label makes, {} standing for it. multi_label: whether several may fit; else the scores
    of a text add up to 1. truncate: whether a text that is too long is cut, rather than refused.
    """

    texts: Sequence[str]
    labels: Sequence[str]
    template: str = HYPOTHESIS
    multi_label: bool = False
    truncate: bool = False

    capability: ClassVar[Capability] = CLASSIFY_ZERO_SHOT


@dataclass(slots=True)
class FillMaskCall:
    """Texts with masks, to be told which tokens are the likeliest in their places.

    top_k: how many for each mask. truncate: whether a text that is too long is cut, rather than refused.
    """

    texts: Sequence[str]
    top_k: int = 5
    truncate: bool = False

    capability: ClassVar[Capability] = FILL_MASK


class Unread(NamedTuple):
    """Stands for an image whose bytes could not be taken from the body. expected, got: why, in words."""

    expected: str
    got: str


@dataclass(slots=True)
class ClassifyImageCall:
    """Images to be told how well each of a classifier's labels fits.

    images: the bytes of a JPEG, a PNG or a WebP each, or why there are none. top_k: how many of the most probable
    labels each gets.
    """

    images: Sequence[bytes | Unread]
    top_k: int = 5

    capability: ClassVar[Capability] = CLASSIFY_IMAGE


@dataclass(slots=True)
class TensorCall:
    """Tensors for a network.

    inputs: {name: a tensor}, or one tensor where the network has one input; a tensor is an ndarray, or plain numbers or
    truth values in lists as deep as its shape. by_row: inputs is a list of rows instead, each of them what `inputs`
    would be without its first dimension. outputs: names of the network's outputs; None: all of them.
    """

    inputs: Any
    by_row: bool = False
    outputs: list[str] | None = None

    capability: ClassVar[Capability] = RUN_TENSORS


def count_tokens(completions: Sequence[Any], n: int) -> tuple[int, int]:
    """(tokens of the prompts, of the completions); a prompt of n completions, which follow each other, counts once."""
    prompts = sum(completion.prompt_tokens for completion in completions[::n])
    return prompts, sum(completion.completion_tokens for completion in completions)


def summary(capabilities: Sequence[Capability]) -> str:
    """What a model with these capabilities does, in words: "predicts tables and embeds text"."""
    return " and ".join(capability.verb for capability in capabilities)

"""The answers of a server as Python values: a list of predictions, or a text."""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Completion", "Embeddings", "Predictions", "Rank", "Ranking"]


class Predictions(list[Any]):
    """The predictions, one a row: a list that also holds the model, the version, all outputs and the warnings.

        answer = client.predict(rows, outputs=["predict", "predict_proba"])
        answer[0]                                # "yes"
        answer.outputs["predict_proba"][0]       # {"no": 0.2, "yes": 0.8}

    model, version: str. outputs: {name: list, one value a row}, empty unless outputs were asked for;
    the list itself is the first of them. warnings: list of str, such as columns that were ignored.
    """

    def __init__(
        self,
        predictions: Iterable[Any] = (),
        *,
        model: str | None = None,
        version: str | None = None,
        outputs: dict[str, list[Any]] | None = None,
        warnings: Iterable[str] = (),
    ) -> None:
        super().__init__(predictions)
        self.model = model
        self.version = version
        self.outputs = outputs or {}
        self.warnings = list(warnings)

    @classmethod
    def from_answer(cls, answer: Any) -> Predictions:
        """The JSON of `:predict` -> Predictions. Raises KeyError or TypeError where it is something else."""
        columns = [answer["predictions"], *answer.get("outputs", {}).values()]
        if not all(isinstance(values, list) for values in columns):
            raise TypeError("predictions are a list, one value a row")
        return cls(
            answer["predictions"],
            model=answer["model_name"],
            version=answer["model_version"],
            outputs=answer.get("outputs"),
            warnings=answer.get("warnings", ()),
        )


class Embeddings(list[list[float]]):
    """The vectors, one a text: a list that also holds the model, and the tokens of the texts.

        vectors = client.embed(["a text", "another"])
        vectors[0]                               # [0.012, -0.087, ...]

    model: str. tokens: of all texts together.
    """

    def __init__(self, vectors: Iterable[list[float]] = (), *, model: str | None = None, tokens: int = 0) -> None:
        super().__init__(vectors)
        self.model, self.tokens = model, tokens

    @classmethod
    def from_answer(cls, answer: Any) -> Embeddings:
        """The JSON of OpenAI's embeddings, in base64 -> Embeddings. Raises KeyError, ValueError or TypeError."""
        vectors = [array("f", b64decode(each["embedding"])) for each in answer["data"]]
        if sys.byteorder == "big":
            for vector in vectors:
                vector.byteswap()
        return cls(
            (vector.tolist() for vector in vectors), model=answer["model"], tokens=answer["usage"]["total_tokens"]
        )


@dataclass(frozen=True)
class Rank:
    """One text of a ranking. index: its place among the texts as they were given. score: from 0 to 1."""

    index: int
    score: float
    text: str


class Ranking(list[Rank]):
    """Texts, the best first: a list that also holds the model, and the tokens of the query with each text.

        ranking = client.rerank("why is the sky blue?", ["Rome", "It scatters light."])
        ranking[0].text                          # "It scatters light."

    model: str. tokens: of all pairs together.
    """

    def __init__(self, ranks: Iterable[Rank] = (), *, model: str | None = None, tokens: int = 0) -> None:
        super().__init__(ranks)
        self.model, self.tokens = model, tokens

    @classmethod
    def from_answer(cls, answer: Any) -> Ranking:
        """The JSON of /v1/rerank, with its documents -> Ranking. Raises KeyError or TypeError."""
        ranks = [Rank(each["index"], each["relevance_score"], each["document"]["text"]) for each in answer["results"]]
        return cls(ranks, model=answer["model"], tokens=answer["usage"]["total_tokens"])


class Completion(str):
    """The text that continues a prompt: a str that also holds how it ended and what it used.

        completion = client.generate("Once upon a time", max_tokens=20)
        print(completion, completion.finish_reason, completion.usage["completion_tokens"])

    finish_reason: "stop" (the model, or a stop string, ended it) or "length" (max_tokens did).
    usage: {"prompt_tokens", "completion_tokens", "total_tokens"}. model, version: str.
    """

    finish_reason: str | None
    usage: dict[str, int]
    model: str | None
    version: str | None

    def __new__(
        cls,
        text: str = "",
        *,
        finish_reason: str | None = None,
        usage: dict[str, int] | None = None,
        model: str | None = None,
        version: str | None = None,
    ) -> Completion:
        completion = super().__new__(cls, text)
        completion.finish_reason = finish_reason
        completion.usage = usage or {}
        completion.model = model
        completion.version = version
        return completion

    @property
    def text(self) -> str:
        """The same text as a plain str."""
        return str(self)

    @classmethod
    def from_chat(cls, answer: Any) -> Completion:
        """The JSON of OpenAI's chat completions -> Completion. Raises KeyError, ValueError or TypeError."""
        (choice,) = answer["choices"]
        if not isinstance(choice["message"]["content"], str):
            raise TypeError("the content of a message is a string")
        return cls(
            choice["message"]["content"],
            finish_reason=choice["finish_reason"],
            usage=answer["usage"],
            model=answer["model"],
        )

    @classmethod
    def from_answer(cls, answer: Any) -> Completion:
        """The JSON of `:predict` of a text model -> Completion. Raises KeyError, ValueError or TypeError."""
        (prediction,) = answer["predictions"]
        if not isinstance(prediction["text"], str):
            raise TypeError("the text of a completion is a string")
        return cls(
            prediction["text"],
            finish_reason=prediction["finish_reason"],
            usage=prediction["usage"],
            model=answer["model_name"],
            version=answer["model_version"],
        )

"""Models of texts as the scorer has tables: a column of texts in, a column of what each text gets out.

    model = as_table(model)             # that of an encoder, or a table as it is
    model.predict({"text": ["Ada in Rome"]}).outputs        # {"entities": [[{"entity_group": "PER", ...}]]}

A text that the model refuses is a wrong row: it is not cut, as it is not in the service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ..capabilities import (
    CLASSIFY_TOKENS,
    EMBED_TEXT,
    FILL_MASK,
    PREDICT_TABLE,
    Capability,
    EmbedCall,
    FillMaskCall,
    TokensCall,
)
from ..errors import InvalidParameters
from ..models.tables.column import Column
from ..models.tables.plan import ColumnPlan
from ..models.tables.violations import Violations
from .arrays import array_of

__all__ = ["SCORED", "TextColumns", "as_table"]

COLUMN = "text"
PLACE = re.compile(r"\[(\d+)\]$")  # of a text, in the name of what is wrong
ENTITY = pa.struct(
    {"entity_group": pa.string(), "score": pa.float64(), "word": pa.string(), "start": pa.int64(), "end": pa.int64()}
)
FILLING = pa.struct({"score": pa.float64(), "token": pa.int64(), "token_str": pa.string(), "sequence": pa.string()})


@dataclass
class TextColumns:
    """As a TabularAnswer. outputs: {name: a plain value for each text}. columns: the same as columns of Arrow."""

    outputs: dict[str, list[Any]]
    columns: dict[str, pa.Array]
    warnings: tuple[str, ...] = ()


class Asked(NamedTuple):
    """output: the name of the new column. ask: (model, texts) to plain values, and the same as a column of Arrow."""

    output: str
    ask: Callable[[Any, Sequence[str]], tuple[list[Any], pa.Array]]


def embeddings(model: Any, texts: Sequence[str]) -> tuple[list[Any], pa.Array]:
    vectors = model.run(EmbedCall(texts)).vectors
    flat = array_of(np.asarray(vectors, dtype=np.float32).reshape(-1))
    return vectors.tolist(), pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def entities(model: Any, texts: Sequence[str]) -> tuple[list[Any], pa.Array]:
    values = model.run(TokensCall(texts)).values
    return values, pa.array(values, pa.list_(ENTITY))


def fillings(model: Any, texts: Sequence[str]) -> tuple[list[Any], pa.Array]:
    """Of each text a list for each mask, also where it has one."""
    found = model.run(FillMaskCall(texts)).values
    values = [each if isinstance(each[0], list) else [each] for each in found]
    return values, pa.array(values, pa.list_(pa.list_(FILLING)))


ASKED = {
    EMBED_TEXT: Asked("embedding", embeddings),
    CLASSIFY_TOKENS: Asked("entities", entities),
    FILL_MASK: Asked("fillings", fillings),
}
SCORED: tuple[Capability, ...] = (PREDICT_TABLE, *ASKED)  # whoever has one of these scores files


def as_table(model: Any) -> Any:
    """A model whose `plan`, `max_rows` and `predict` are those of a table; one of the capabilities has to be SCORED."""
    if PREDICT_TABLE in model.capabilities:
        return model
    return TextTable(model, next(ASKED[each] for each in model.capabilities if each in ASKED))


class TextTable:
    """A model of texts with one column, and one output."""

    def __init__(self, model: Any, asked: Asked) -> None:
        self.model, self.asked = model, asked
        self.plan = ColumnPlan([Column(COLUMN, "text", "object")], "list")
        self.max_rows: int = model.max_texts

    def predict(self, instances: Any, outputs: Sequence[str] | None = None) -> TextColumns:
        """Raises InvalidInstances with every text that is refused, InvalidParameters for another output, and what the
        model raises.
        """
        name = self.asked.output
        faults = [{"parameter": "outputs", "expected": name, "got": each} for each in outputs or () if each != name]
        if faults:
            raise InvalidParameters.naming(faults)
        texts = list(self.plan.read(instances).values)
        try:
            values, column = self.asked.ask(self.model, texts)
        except InvalidParameters as error:
            refuse_rows(error)
            raise
        return TextColumns({name: values}, {name: column})


def refuse_rows(error: InvalidParameters) -> None:
    """Raise InvalidInstances where an error names texts by their places."""
    violations = Violations()
    for each in error.details:
        place = PLACE.search(each.get("parameter", ""))
        if place:
            # A file has no parameter that would have texts cut.
            expected = each["expected"].removesuffix(" (or truncate: true)")
            violations.add(int(place[1]), COLUMN, expected, each["got"])
    violations.refuse()

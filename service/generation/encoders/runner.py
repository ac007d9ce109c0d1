"""Runs a compiled encoder by ONNX Runtime alone: token ids in, numbers out, of each text, token or mask.

runner = EncoderRunner("model.onnx", threads=2, padding=0)
runner.run([Row(ids), Row(others)])        # [float32 [384], float32 [384]]
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
import onnxruntime

from .work import Row

__all__ = ["EncoderRunner"]

IDS, MASK, TYPES, PLACES = "input_ids", "attention_mask", "token_type_ids", "mask_places"
MOST_NUMBERS = 2**25  # of one run: 128 MB


class EncoderRunner:
    """A session. For one thread at a time.

    width: how many numbers a text gets, or each of its tokens, or of its masks.
    """

    def __init__(self, path: str | PathLike[str], *, threads: int, padding: int, mask: int | None = None) -> None:
        """padding: the token id that fills up shorter texts. mask: that of masks, where the graph is told their
        places. Raises ValueError for a graph with other inputs, and what
        ONNX Runtime raises."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # every batch has another shape
        # Threads may spin between two nodes of a graph, where it is faster, but not between two calls.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        inputs = {node.name for node in self._session.get_inputs()}
        outputs = self._session.get_outputs()
        if not {IDS, MASK} <= inputs <= {IDS, MASK, TYPES, PLACES} or len(outputs) != 1:
            raise ValueError(f"the graph takes {', '.join(sorted(inputs))}, and gives {len(outputs)} outputs")
        self._takes_types, self._takes_places = TYPES in inputs, PLACES in inputs
        self._padding, self._mask = padding, mask
        self.width: int = outputs[0].shape[-1]
        self._of_tokens = len(outputs[0].shape) == 3

    def run(self, rows: Sequence[Row]) -> list[np.ndarray]:
        """float32 [width] for each text, or [tokens or masks, width]; they are padded to the length of the longest."""
        shape = len(rows), max(len(row.ids) for row in rows)
        ids, mask = np.full(shape, self._padding, np.int64), np.zeros(shape, np.int64)
        fed = {IDS: ids, MASK: mask}
        for line, row in enumerate(rows):
            ids[line, : len(row.ids)] = row.ids
            mask[line, : len(row.ids)] = 1
        if self._takes_types:
            types = fed[TYPES] = np.zeros(shape, np.int64)
            for line, row in enumerate(rows):
                if row.types is not None:
                    types[line, : len(row.types)] = row.types
        if self._takes_places:
            return self._of_masks(rows, fed)
        numbers = self._session.run(None, fed)[0]
        if self._of_tokens:
            return [of_text[: len(row.ids)] for of_text, row in zip(numbers, rows, strict=True)]
        return list(numbers)

    def _of_masks(self, rows: Sequence[Row], fed: dict[str, np.ndarray]) -> list[np.ndarray]:
        found = [np.flatnonzero(row.ids == self._mask) for row in rows]
        most = max(1, *map(len, found))
        if len(rows) > 1 and len(rows) * most * self.width > MOST_NUMBERS:
            half = len(rows) // 2
            return [*self.run(rows[:half]), *self.run(rows[half:])]
        places = fed[PLACES] = np.zeros((len(rows), most), np.int64)
        for line, own in enumerate(found):
            places[line, : len(own)] = own
        numbers = self._session.run(None, fed)[0]
        return [of_text[: len(own)] for of_text, own in zip(numbers, found, strict=True)]

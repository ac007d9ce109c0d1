"""Runs a compiled encoder by ONNX Runtime alone: token ids in, numbers out, of each text or of each of its tokens.

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

IDS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"


class EncoderRunner:
    """A session. For one thread at a time.

    width: how many numbers a text gets, or each of its tokens.
    """

    def __init__(self, path: str | PathLike[str], *, threads: int, padding: int) -> None:
        """padding: the token id that fills up shorter texts. Raises ValueError for a graph with other inputs, and what
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
        if not {IDS, MASK} <= inputs <= {IDS, MASK, TYPES} or len(outputs) != 1:
            raise ValueError(f"the graph takes {', '.join(sorted(inputs))}, and gives {len(outputs)} outputs")
        self._takes_types = TYPES in inputs
        self._padding = padding
        self.width: int = outputs[0].shape[-1]
        self._of_tokens = len(outputs[0].shape) == 3

    def run(self, rows: Sequence[Row]) -> list[np.ndarray]:
        """float32 [width] for each text, or [its tokens, width]; they are padded to the length of the longest."""
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
        numbers = self._session.run(None, fed)[0]
        if self._of_tokens:
            return [of_text[: len(row.ids)] for of_text, row in zip(numbers, rows, strict=True)]
        return list(numbers)

"""Runs a compiled decoder by ONNX Runtime alone: token ids in, logits out.

    runner = OnnxRunner("model.onnx", shapes=[(3, 64)] * 60, rows=16, length=8192, threads=2)
    runner.extend(0, [504, 1418, 253], 0)    # the first three tokens of slot 0 -> logits [vocabulary]
    runner.step([655], [3])                  # one more token for slot 0, which holds 3 -> logits [1, vocabulary]

The graph reads past keys and values from the slots, and writes present ones to the very same memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import onnxruntime

from .kv_cache import HostSlots, bytes_per_token

__all__ = ["OnnxRunner", "kv_shapes"]

PAST, PRESENT = "past_key_values.", "present."
IDS = {"input_ids", "attention_mask", "position_ids"}


def kv_shapes(runtime: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The (heads, dim) of each past input, from a manifest's entry of the graph: a key and a value for each layer."""
    return [(runtime["heads"], runtime["head_size"])] * (2 * runtime["layers"])


class OnnxRunner:
    """A session and its slots. For one thread at a time; the logits it returns are valid until the next call."""

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        shapes: Sequence[tuple[int, int]],
        rows: int,
        length: int,
        threads: int,
        kv_bytes: int = 2**30,
    ) -> None:
        """shapes: (heads, dim) of each past input, in the graph's order. rows: slots. length: tokens of each slot;
        fewer where kv_bytes do not suffice for so many.

        Raises ValueError for a graph with other inputs, and what ONNX Runtime raises.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Every step has another shape (rows grow by a token), and a memory plan for each would only pile up.
        options.enable_mem_pattern = False
        # Threads may spin between two nodes of a graph, where it is faster, but not between two calls.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        inputs = {node.name: node.shape for node in self._session.get_inputs()}
        self._past = [name for name in inputs if name.startswith(PAST)]
        check_inputs(inputs, [inputs[name][1] for name in self._past], [heads for heads, _ in shapes])
        self._takes_positions = "position_ids" in inputs
        self.vocabulary = self._session.get_outputs()[0].shape[-1]
        self.slots = HostSlots(shapes, rows, min(length, kv_bytes // bytes_per_token(shapes)))
        self._logits = np.empty((rows, 1, self.vocabulary), np.float32)
        self._binding = self._session.io_binding()
        self._bound = (0, 0)  # the first slot, and how many, whose memory is bound

    def extend(self, slot: int, ids: Sequence[int] | np.ndarray, held: int) -> np.ndarray:
        """Prefill: read `ids` after the `held` tokens of a slot; float32 logits [vocabulary] of the next token."""
        positions = np.arange(held, held + len(ids), dtype=np.int64)
        mask = np.ones((1, held + len(ids)), np.int64)
        return self._run(slot, np.array([ids], np.int64), positions[None], mask)[0]

    def step(self, ids: Sequence[int], held: Sequence[int]) -> np.ndarray:
        """Decode: one token for each slot 0..n-1, which hold `held` tokens; float32 logits [n, vocabulary]."""
        positions = np.array(held, np.int64)[:, None]
        mask = (np.arange(positions.max() + 1) <= positions).astype(np.int64)  # padded on the right
        return self._run(0, np.array(ids, np.int64)[:, None], positions, mask)

    def _run(self, slot: int, ids: np.ndarray, positions: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """ids, positions: int64 [rows, tokens], for the slots from `slot` on. mask: int64 [rows, tokens seen]."""
        rows = len(ids)
        self._bind_rows(slot, rows)
        self._binding.bind_cpu_input("input_ids", ids)
        self._binding.bind_cpu_input("attention_mask", mask)
        if self._takes_positions:
            self._binding.bind_cpu_input("position_ids", positions)
        self._session.run_with_iobinding(self._binding)
        return self._logits[:rows, 0]

    def _bind_rows(self, slot: int, rows: int) -> None:
        """Bind the memory of these slots as past and as present; nothing to do where the last call ran the same."""
        if self._bound == (slot, rows):
            return
        self._binding.clear_binding_inputs()
        self._binding.clear_binding_outputs()
        logits = self._logits
        self._binding.bind_output("logits", "cpu", 0, np.float32, [rows, *logits.shape[1:]], logits.ctypes.data)
        for name, buffer in zip(self._past, self.slots.buffers, strict=True):
            shape, pointer = [rows, *buffer.shape[1:]], buffer[slot].ctypes.data
            present = PRESENT + name.removeprefix(PAST)
            self._binding.bind_input(name, "cpu", 0, np.float32, shape, pointer)
            self._binding.bind_output(present, "cpu", 0, np.float32, shape, pointer)
        self._bound = (slot, rows)


def check_inputs(inputs: dict[str, list], heads: list[int], expected_heads: list[int]) -> None:
    unknown = [name for name in inputs if name not in IDS and not name.startswith(PAST)]
    if unknown:
        raise ValueError(f"the graph has inputs that this engine does not know: {', '.join(unknown[:3])}")
    if heads != expected_heads:
        raise ValueError(f"the graph's keys and values have {heads} heads, not {expected_heads}")

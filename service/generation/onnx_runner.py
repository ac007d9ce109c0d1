"""Runs a compiled decoder: token ids in, logits out, by ONNX Runtime alone.

runner = OnnxRunner("model.onnx", shapes=[(3, 64)] * 60, rows=16, length=8192, threads=2)
runner.extend(0, [504, 1418, 253], 0)    # the first three tokens of slot 0 -> logits [vocabulary]
runner.step([655], [3])                  # one more token for slot 0, which holds 3 -> logits [1, vocabulary]

The graph reads past keys and values from, and writes present ones to, the very same memory.
"""

import numpy as np
import onnxruntime

from .kv_cache import Slots

__all__ = ["OnnxRunner"]

PAST, PRESENT = "past_key_values.", "present."
IDS = {"input_ids", "attention_mask", "position_ids"}


class OnnxRunner:
    """A session, its slots, and the two calls an engine needs. For one thread at a time."""

    def __init__(self, path, *, shapes, rows, length, threads, kv_bytes=2**30):
        """shapes: (heads, dim) of each past input, in the graph's order. rows: how many may be written at once;
        length: tokens of each, at most, and fewer where kv_bytes do not suffice for so many.

        Raises ValueError for a graph with other inputs, and what ONNX Runtime raises.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Every step has another shape (a row is longer); a plan of memory for each would only pile up.
        options.enable_mem_pattern = False
        # Threads that spin between two nodes of a graph are quick; between two requests they are a waste.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        inputs = {one.name: one.shape for one in self._session.get_inputs()}
        self._past = [name for name in inputs if name.startswith(PAST)]
        check(inputs, [inputs[name][1] for name in self._past], [heads for heads, _ in shapes])
        self._asks_positions = "position_ids" in inputs
        self.vocabulary = self._session.get_outputs()[0].shape[-1]
        self.slots = Slots(shapes, rows, min(length, kv_bytes // Slots.token_bytes(shapes)))
        self._logits = np.empty((rows, 1, self.vocabulary), np.float32)
        self._binding, self._bound = self._session.io_binding(), None

    def extend(self, slot, ids, held):
        """Read `ids` after the `held` tokens of a slot: float32 logits [vocabulary] of what comes next.

        The array is only good until the next call.
        """
        positions = np.arange(held, held + len(ids), dtype=np.int64)
        mask = np.ones((1, held + len(ids)), np.int64)
        return self._run(slot, np.array([ids], np.int64), positions[None], mask)[0]

    def step(self, ids, held):
        """One token for each of the slots 0..n-1, which hold so many: logits [n, vocabulary], good until then."""
        held = np.array(held, np.int64)[:, None]
        mask = (np.arange(held.max() + 1) <= held).astype(np.int64)  # padded on the right
        return self._run(0, np.array(ids, np.int64)[:, None], held, mask)

    def _run(self, slot, ids, positions, mask):
        rows = len(ids)
        self._bind_rows(slot, rows)
        self._binding.bind_cpu_input("input_ids", ids)
        self._binding.bind_cpu_input("attention_mask", mask)
        if self._asks_positions:
            self._binding.bind_cpu_input("position_ids", positions)
        self._session.run_with_iobinding(self._binding)
        return self._logits[:rows, 0]

    def _bind_rows(self, slot, rows):
        """Past and present of these slots, by pointer; again only when other slots run than in the last call."""
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


def check(inputs, heads, wanted_heads):
    odd = [name for name in inputs if name not in IDS and not name.startswith(PAST)]
    if odd:
        raise ValueError(f"the graph asks for {', '.join(odd[:3])}, which this engine does not know")
    if heads != wanted_heads:
        raise ValueError(f"the graph's keys and values have {heads} heads, not {wanted_heads}")

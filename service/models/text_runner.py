"""Which runner a packed text model gets on this machine: its graph, its torch network in batches, or row by row.

    engine = load_engine(version, settings)        # a batch engine in this process

Each candidate has to prove that it gives batched sequences what it gives them alone; the log says why one was refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..generation.batch_check import check_batching
from ..generation.constraint import Constraints
from ..generation.engine import Engine
from ..generation.suspects import Suspects
from .runtimes.graph_rules import check_decoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ..generation.onnx_runner import OnnxRunner
    from ..generation.runner import Runner
    from ..settings import Settings
    from ..store.versions import StoredVersion

__all__ = ["TOKENIZER", "constraints_of", "load_engine"]

log = logging.getLogger(__name__)

TOKENIZER = "tokenizer.json"


def load_engine(
    version: StoredVersion, settings: Settings, suspects: Callable[[int], Suspects] = lambda slots: Suspects()
) -> Engine:
    """An Engine for a version whose files are verified. Raises whatever the files of a model make parsers raise.

    suspects: makes the Suspects of an engine of so many slots.
    """
    return Engine(
        load_runner(version, settings),
        kv_bytes=settings.kv_bytes,
        prefix_bytes=settings.prefix_bytes,
        max_waiting=settings.max_waiting,
        max_waiting_tokens=settings.max_waiting_tokens,
        guides=constraints_of(version).guide,
        suspects=suspects(settings.slots),
    )


def constraints_of(version: StoredVersion) -> Constraints:
    """The Constraints of a version, which read its tokenizer when they first need it."""
    spec = version.manifest.spec

    def tokenizer_json() -> str:
        with version.open(TOKENIZER) as file:
            return file.read().decode()

    return Constraints(tokenizer_json, vocabulary_size=spec["vocabulary_size"], eos_ids=spec["eos_token_ids"])


def load_runner(version: StoredVersion, settings: Settings) -> Runner:
    """The model's graph; without one, or where this machine runs it wrongly, its torch network."""
    spec = version.manifest.spec
    if spec["runtime"]["name"] == "onnx":
        runner = checked_graph(version, settings)
        if runner is not None:
            return runner
    # Imported only here: a worker whose models all have graphs needs neither torch nor transformers.
    import torch

    from .checkpoints import read_network

    torch.set_num_threads(settings.engine_threads)
    network = read_network(version.folder, spec["weights"])
    # Asked in a worker, never in the process that forks them: CUDA does not survive a fork.
    if torch.cuda.is_available():
        network = network.to("cuda")  # type: ignore[arg-type]  # its decorator hides from mypy that it is a method
    return checked_network(version, network, settings)


def checked_graph(version: StoredVersion, settings: Settings) -> OnnxRunner | None:
    """An OnnxRunner that passed check_batching, or None."""
    from ..generation.onnx_runner import OnnxRunner, kv_shapes

    spec = version.manifest.spec
    runtime = spec["runtime"]
    path = version.folder / runtime["payload"]
    try:
        check_decoder(path.read_bytes(), version.manifest.files)
        runner = OnnxRunner(
            path,
            shapes=kv_shapes(runtime),
            rows=settings.slots,
            length=spec["context_length"],
            kv_bytes=settings.kv_bytes,
            threads=settings.engine_threads,
        )
        check_batching(runner)
    except Exception:
        log.exception("%s: its graph cannot be run here; torch runs it instead, slower", version)
        return None
    return runner


def checked_network(version: StoredVersion, network: PreTrainedModel, settings: Settings) -> Runner:
    """A TorchRunner that passed check_batching, or a SerialRunner."""
    from ..generation.serial_runner import SerialRunner
    from ..generation.torch_runner import TorchRunner

    length = version.manifest.spec["context_length"]
    serial = SerialRunner(network, rows=settings.slots, length=length)
    try:
        runner = TorchRunner(network, rows=settings.slots, length=length, kv_bytes=settings.kv_bytes)
        check_batching(runner, serial)
    except Exception as error:  # a network may do anything with a cache that is not its own
        log.warning("%s: its sequences are decoded one by one: %s: %s", version, type(error).__name__, error)
        return serial
    return runner

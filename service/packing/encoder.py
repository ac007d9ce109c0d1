"""Pack an encoder: a checkpoint that turns texts into vectors, labels or ranks. It is compiled, proven, published.

    pack_encoder("all-MiniLM-L6-v2", name="minilm")

The folder is one of sentence-transformers, or a checkpoint of transformers: an encoder without a head, or one for
sequence classification, of texts or of pairs of them (encoder_kinds). The network, and the pooling of its tokens,
become one ONNX graph by torch's exporter. It is kept only where its numbers equal torch's on texts of every length
(encoder_proof).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..models.encoders.tokens import TOKENIZER
from ..store.manifest import Manifest
from ..store.versions import StoredVersion, check_name
from .checkpoint_task import check_is_checkpoint, kind_of
from .encoder_kinds import KINDS
from .encoder_network import write_graph
from .encoder_proof import prove
from .open_source_file import open_store, promotes
from .provenance import provenance
from .torch_export import cause

__all__ = ["pack_encoder"]

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "onnxruntime", "onnxscript")
GRAPH = "model.onnx"


def pack_encoder(
    folder: Path | str,
    *,
    name: str,
    store: Path | str | None = None,
    version: str | None = None,
    promote: bool | None = None,
    why: str = "",
    source: str | None = None,
    license: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    precision: str = "float32",
    max_tokens: int | None = None,
    task: str | None = None,
) -> StoredVersion:
    """Pack the checkpoint in `folder` as a new version of the model `name`.

    source, license: where it came from and its terms, for the provenance. metrics: kept in the manifest as they are.
    precision: of the weights, float32. max_tokens: of a text, where fewer shall be taken than the network reads.
    task: one of checkpoint_task.TASKS, where the folder does not say what it is for.
    store, version, promote, why: as in `packing.pack`.

    Returns the new version. Raises ValueError that says what cannot be packed, and why.
    """
    check_name(name)
    folder = Path(folder)
    if precision != "float32":
        raise ValueError(f"an encoder is packed with weights of float32; {precision} is not made")
    kind = kind_of(folder, task)
    if kind not in KINDS:
        raise ValueError(f"{folder} holds no encoder that is packed as one")
    check_is_checkpoint(folder)
    module, tokenizer, spec = KINDS[kind](folder, max_tokens)
    opened = open_store(store)
    with opened.adding(name, version, promote=promotes(promote), why=why) as draft:
        try:
            write_graph(module, draft.folder / GRAPH)
        except Exception as error:  # a network may do whatever cannot be traced
            architecture = type(module.network).__name__
            raise ValueError(f"{folder}: {architecture} cannot be compiled: {cause(error)}") from error
        tokenizer.backend_tokenizer.save(str(draft.folder / TOKENIZER))
        runtime = {"name": "onnx", "compiler": "torch.onnx", "payload": GRAPH, "precision": "float32"}
        manifest = Manifest(
            model=draft.model,
            version=draft.version,
            kind=kind,
            files=draft.digests(),
            spec=spec | {"runtime": runtime},
            metrics=dict(metrics or {}),
            provenance=provenance(*LIBRARIES, source=source or folder.name, license=license),
        )
        draft.manifest = prove(StoredVersion(draft.folder, manifest), module, tokenizer)
    return opened.open(draft.model, draft.version)

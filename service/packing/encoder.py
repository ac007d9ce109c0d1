"""Pack an encoder: a checkpoint that turns texts into vectors, or into labels. It is compiled, proven, published.

    pack_encoder("all-MiniLM-L6-v2", name="minilm")

The folder is one of sentence-transformers, or a checkpoint of transformers: an encoder without a head, or one for
sequence classification. The network, and the pooling of its tokens, become one ONNX graph by torch's exporter. It is
kept only where its numbers equal torch's on texts of every length (encoder_proof).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import in_a_line
from ..models.encoders.tokens import TOKENIZER
from ..models.tables.column import Column
from ..store.manifest import Manifest
from ..store.versions import StoredVersion, check_name
from .checkpoint import read_tokenizer, reading
from .checkpoint_task import check_is_checkpoint, kind_of
from .decoder_export import cause
from .encoder_folder import Embedder, longest_text, problem_of, read_embedder
from .encoder_network import Classification, Embedding, Encoder, check_both_directions, read_network, write_graph
from .encoder_proof import prove
from .open_source_file import open_store, promotes
from .provenance import provenance
from .text_facts import check_tokenizer

__all__ = ["pack_encoder"]

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "onnxruntime", "onnxscript")
GRAPH = "model.onnx"
COLUMN = "text"  # of the table that a classifier reads


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
) -> StoredVersion:
    """Pack the checkpoint in `folder` as a new version of the model `name`.

    source, license: where it came from and its terms, for the provenance. metrics: kept in the manifest as they are.
    precision: of the weights, float32. max_tokens: of a text, where fewer shall be taken than the network reads.
    store, version, promote, why: as in `packing.pack`.

    Returns the new version. Raises ValueError that says what cannot be packed, and why.
    """
    check_name(name)
    folder = Path(folder)
    if precision != "float32":
        raise ValueError(f"an encoder is packed with weights of float32; {precision} is not made")
    kind = kind_of(folder)
    read = {"text_embedding": embedding, "text_classification": classification}
    if kind not in read:
        raise ValueError(f"{folder} holds no encoder that is packed as one")
    check_is_checkpoint(folder)
    module, tokenizer, spec = read[kind](folder, max_tokens)
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


def embedding(folder: Path, max_tokens: int | None) -> tuple[Encoder, Any, dict[str, Any]]:
    """(what is compiled, the tokenizer, the manifest's spec). Raises ValueError."""
    read = read_embedder(folder)
    with reading(read.network):
        network = read_network(read.network, "AutoModel")
        if read.network == folder and read == Embedder(folder):
            check_both_directions(network)
    tokenizer = read_tokenizer(read.network)
    module = Embedding(network, read.pooling, normalized=read.normalized, typed=typed(tokenizer))
    spec = described(module, tokenizer, read.max_tokens, max_tokens) | {
        "pooling": read.pooling,
        "normalized": read.normalized,
        "dimension": network.config.hidden_size,
        "lowercase": read.lowercase,
        "strip": read.strip,
        "prompts": dict(read.prompts),
        "prompt": read.prompt,
    }
    return module, tokenizer, spec


def classification(folder: Path, max_tokens: int | None) -> tuple[Encoder, Any, dict[str, Any]]:
    """As `embedding`."""
    with reading(folder):
        network = read_network(folder, "AutoModelForSequenceClassification")
    tokenizer = read_tokenizer(folder)
    problem = problem_of(network.config)
    labels = [str(network.config.id2label[place]) for place in range(network.config.num_labels)]
    if len(set(labels)) < len(labels):
        raise ValueError(f"{folder}: several of its labels have the same name: {in_a_line(', '.join(labels), 200)}")
    module = Classification(network, typed=typed(tokenizer))
    spec = described(module, tokenizer, None, max_tokens) | {
        "estimator": type(network).__name__,
        "task": problem.replace("_", " "),
        "problem": problem,
        "labels": labels,
        "container": "list",
        "columns": [Column(COLUMN, "text", "object").to_json()],
        "outputs": outputs(problem, labels),
    }
    return module, tokenizer, spec


def outputs(problem: str, labels: list[str]) -> dict[str, dict[str, Any]]:
    """What the table of a classifier gives, as the manifest describes it."""
    if problem == "regression":
        shape = [None] if len(labels) == 1 else [None, len(labels)]
        return {"predict": {"dtype": "number", "shape": shape}}
    dtype = "string" if problem == "single_label_classification" else "object"
    return {
        "predict": {"dtype": dtype, "shape": [None]},
        "predict_proba": {"dtype": "number", "shape": [None, len(labels)], "labels": labels},
    }


def typed(tokenizer: Any) -> bool:
    return "token_type_ids" in tokenizer.model_input_names


def described(module: Encoder, tokenizer: Any, told: int | None, asked: int | None) -> dict[str, Any]:
    """What every encoder's spec has. Raises ValueError for a tokenizer that does not fit, or for too many tokens."""
    network = module.network
    vocabulary_size = network.config.get_text_config().vocab_size
    check_tokenizer(tokenizer, vocabulary_size)
    return {
        "architecture": type(network).__name__,
        "parameter_count": sum(parameter.numel() for parameter in network.parameters()),
        "max_tokens": longest_text(told, network, tokenizer, asked),
        "vocabulary_size": vocabulary_size,
        "padding_id": module.padding,
        "token_types": module.typed,
    }

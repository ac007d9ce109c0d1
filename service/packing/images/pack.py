"""Pack a checkpoint that classifies images: it is compiled, proven, published.

    pack_image_classifier("vit-base-patch16-224", name="animals")

The folder is one of transformers: config.json with an architecture for image classification, its weights, and the
preprocessor_config.json. The network becomes an ONNX graph by torch's exporter; what happens to an image before it is
done by Pillow and numpy (models.images.pixels). Both are kept only where they give what transformers and torch give.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...store.manifest import Manifest
from ...store.versions import StoredVersion, check_name
from ..checkpoint import reading
from ..checkpoint_task import CONFIG, check_is_checkpoint, kind_of
from ..encoder_kinds import labels_of
from ..open_source_file import open_store, promotes
from ..provenance import provenance
from ..torch_export import cause
from .network import Logits, read_network, write_graph
from .processor import read_processor
from .proof import prove

__all__ = ["KIND", "pack_image_classifier"]

KIND = "image_classification"
LIBRARIES = ("torch", "transformers", "pillow", "safetensors", "onnxruntime", "onnxscript")
GRAPH = "model.onnx"
PROBLEMS = (None, "single_label_classification", "multi_label_classification")


def pack_image_classifier(
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
    context_length: int | None = None,
) -> StoredVersion:
    """Pack the checkpoint in `folder` as a new version of the model `name`.

    source, license: where it came from and its terms, for the provenance. metrics: kept in the manifest as they are.
    precision, context_length: as other checkpoints have them; only float32, and None, are possible here.
    store, version, promote, why: as in `packing.pack`.

    Returns the new version. Raises ValueError that says what cannot be packed, and why.
    """
    check_name(name)
    folder = Path(folder)
    if precision != "float32":
        raise ValueError(f"a classifier of images is packed with weights of float32; {precision} is not made")
    if context_length is not None:
        raise ValueError("a classifier of images reads no tokens, so it has no context length")
    if kind_of(folder) != KIND:
        raise ValueError(f"{folder} holds no model for image classification")
    check_is_checkpoint(folder)
    processor, steps = read_processor(folder)
    with reading(folder):
        network = read_network(folder)
    module = Logits(network)
    spec = {
        "architecture": type(network).__name__,
        "parameter_count": sum(parameter.numel() for parameter in network.parameters()),
        "task": "image classification",
        "problem": problem_of(network.config, folder),
        "labels": labels_of(network, folder),
        "preprocessing": steps,
        "runtime": {"name": "onnx", "compiler": "torch.onnx", "payload": GRAPH, "precision": "float32"},
    }
    opened = open_store(store)
    with opened.adding(name, version, promote=promotes(promote), why=why) as draft:
        try:
            write_graph(module, draft.folder / GRAPH, steps["height"], steps["width"])
        except Exception as error:  # a network may do whatever cannot be traced
            raise ValueError(f"{folder}: {spec['architecture']} cannot be compiled: {cause(error)}") from error
        manifest = Manifest(
            model=draft.model,
            version=draft.version,
            kind=KIND,
            files=draft.digests(),
            spec=spec,
            metrics=dict(metrics or {}),
            provenance=provenance(*LIBRARIES, source=source or folder.name, license=license),
        )
        draft.manifest = prove(StoredVersion(draft.folder, manifest), module, processor)
    return opened.open(draft.model, draft.version)


def problem_of(config: Any, folder: Path) -> str:
    """How the numbers are read, as transformers' pipeline decides it. Raises ValueError."""
    told = config.problem_type
    if told not in PROBLEMS:
        raise ValueError(f"{folder / CONFIG}: problem_type is {told!r}; of images, labels are served")
    if config.num_labels == 0:
        raise ValueError(f"{folder / CONFIG} has no labels")
    if config.num_labels == 1:  # whether it holds, whatever the problem is called
        return "multi_label_classification"
    return told or "single_label_classification"

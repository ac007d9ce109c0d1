"""What a checkpoint is, by its files and by the architectures that its config names.

    check_generates_text(folder)    # ValueError: folder holds a model for sequence classification (GPT2ForSeq...), ...

A class of transformers that happens to load the weights says nothing: where embeddings are tied, the one for text
generation loads a classifier's as well, and drops its head.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto

__all__ = [
    "CONFIG",
    "MODULES",
    "SHARED",
    "TASKS",
    "architectures",
    "check_generates_text",
    "check_is_checkpoint",
    "check_left_to_right",
    "cross_encoder_marks",
    "is_entailment",
    "kind_of",
    "read_json",
    "task_of",
]

CONFIG = "config.json"
MODULES = "modules.json"  # of sentence-transformers
SHARED = "config_sentence_transformers.json"
# What other formats leave in a folder, and what then lies in it. The first that is found counts.
FILES = {
    "adapter_config.json": (
        "an adapter without its base model; merge them first: "
        "PeftModel.from_pretrained(base, folder).merge_and_unload().save_pretrained(merged)"
    ),
    "model_index.json": "a diffusion pipeline, which makes images",
    "*.gguf": "weights in llama.cpp's format; pack the checkpoint that they were converted from",
    "tf_model.h5": "weights of TensorFlow; save them from torch: model.save_pretrained(folder)",
    "flax_model.msgpack": "weights of Flax; save them from torch: model.save_pretrained(folder)",
}
JSON_NAMES: dict[type, str] = {dict: "object", list: "list"}
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth")
TABLE, END = "MODEL_FOR_", "_MAPPING_NAMES"
GENERATION = "CAUSAL_LM"
# Of an architecture in several tables of transformers, the last ones count where no other has it.
GENERAL = ("MASKED_LM", "TEXT_ENCODING", "RETRIEVAL", "BACKBONE", "PRETRAINING", "MULTIMODAL_LM", "IMAGE")
NO_HEAD = "without a head, which turns texts into vectors"
# Tables whose names do not say it.
WORDS = {
    "MASKED_LM": "for filling masks in a text",
    "TEXT_ENCODING": NO_HEAD,
    "SEQ_TO_SEQ_CAUSAL_LM": "that turns a sequence into another (an encoder and a decoder)",
    "SPEECH_SEQ_2_SEQ": "for speech recognition",
    "CTC": "for speech recognition",
    "IMAGE_TEXT_TO_TEXT": "of images and texts",
    "MULTIMODAL_LM": "of images, sounds and texts",
    "AUDIO_XVECTOR": "for speaker verification",
}
WAY_OUT = "A typed Python class may serve it: pack mymodel.py:Class"
# Tasks whose models have a kind of their own.
KINDS: dict[str | None, str] = {
    "SEQUENCE_CLASSIFICATION": "text_classification",
    "TEXT_ENCODING": "text_embedding",
    "": "text_embedding",
    "TOKEN_CLASSIFICATION": "token_classification",
    "MASKED_LM": "fill_mask",
    "IMAGE_CLASSIFICATION": "image_classification",
}
BEFORE_4 = "sbert_ce_default_activation_function"  # where sentence-transformers wrote it before release 4
# What packing may be told that a checkpoint is for, where its files do not say it.
TASKS = {
    "rerank": "text_reranking",
    "zero-shot": "zero_shot_classification",
    "classify": "text_classification",
}


def kind_of(folder: Path, task: str | None = None) -> str:
    """The kind that packing makes of a checkpoint: that of an encoder, or "text_generation", as which it may still be
    refused. task: one of TASKS, what it is said to be. Raises ValueError where its config cannot be read, or where it
    cannot be what it is said to be.
    """
    kind = kind_by_files(folder)
    if task is None:
        return kind
    if kind not in TASKS.values():
        raise ValueError(f"{folder} is no model for sequence classification, so it cannot be packed to {task}")
    return TASKS[task]


def kind_by_files(folder: Path) -> str:
    """The kind, by the files of the folder."""
    if (folder / MODULES).exists() and not is_cross_encoder(folder):
        return "text_embedding"
    if (folder / CONFIG).exists() and not what_it_is_instead(folder):
        kinds = {KINDS.get(task_of(each), "text_generation") for each in architectures(read_json(folder))}
        if len(kinds) == 1:
            (kind,) = kinds
            return kind_of_classifier(folder) if kind == "text_classification" else kind
    return "text_generation"


def kind_of_classifier(folder: Path) -> str:
    """The kind of a model for sequence classification: one that tells whether a text follows from another has a label
    for that, and says little of a text alone.
    """
    labels = read_json(folder).get("id2label")
    if isinstance(labels, dict) and any(map(is_entailment, labels.values())):
        return "zero_shot_classification"
    return "text_reranking" if is_cross_encoder(folder) else "text_classification"


def is_entailment(label: Any) -> bool:
    """As transformers' zero-shot pipeline tells it."""
    return str(label).lower().startswith("entail")


def is_cross_encoder(folder: Path) -> bool:
    """Whether sentence-transformers has marked it as one. Raises ValueError where what it wrote cannot be read."""
    if (folder / SHARED).exists() and read_json(folder, SHARED).get("model_type") == "CrossEncoder":
        return True
    return (folder / CONFIG).exists() and bool(cross_encoder_marks(read_json(folder)))


def cross_encoder_marks(config: dict[str, Any]) -> list[Any]:
    """The names of activations that sentence-transformers wrote into the config of a cross-encoder, in two places."""
    own = config.get("sentence_transformers")
    marks = [own.get("activation_fn") if isinstance(own, dict) else None, config.get(BEFORE_4)]
    return [mark for mark in marks if mark]


def check_is_checkpoint(folder: Path) -> None:
    """Raise ValueError, one line that says what the folder holds, unless it may be a checkpoint of torch."""
    if what := what_it_is_instead(folder):
        raise ValueError(f"{folder} holds {what}")


def what_it_is_instead(folder: Path) -> str | None:
    """What its files say that a folder holds, other than a checkpoint with weights of torch; or None."""
    for pattern, what in FILES.items():
        if any(folder.glob(pattern)) and not (pattern == "tf_model.h5" and has_weights(folder)):
            return what
    return None


def check_generates_text(folder: Path) -> None:
    """Raise ValueError, one line that says what the checkpoint is, unless it is a causal language model."""
    if (folder / MODULES).exists():
        raise ValueError(f"{folder} holds a sentence-transformers model, which turns texts into vectors")
    check_is_checkpoint(folder)
    config = read_json(folder)
    for architecture in architectures(config):
        task = task_of(architecture)
        # Older names of known model types, such as LLaMAForCausalLM. Code that comes with a checkpoint is never run.
        renamed = task is None and architecture.endswith("ForCausalLM") and "auto_map" not in config
        if task != GENERATION and not renamed:
            raise ValueError(f"{folder} holds {words(task)} ({architecture}); it is no text generator. {WAY_OUT}")
        model_type = str(config.get("model_type"))
        loaded = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(model_type)
        if task == GENERATION and loaded not in (None, architecture):
            raise ValueError(
                f"{folder}: {CONFIG} names {architecture}, and its model_type {model_type!r} is that of {loaded}"
            )


@torch.inference_mode()
def check_left_to_right(network: Any) -> None:
    """Raise ValueError for a network that reads a text in both directions, as BERT does unless its config sets
    is_decoder: what follows a token must not change the logits at it.
    """
    first, second = network(torch.tensor([[1, 0, 1, 0], [1, 0, 1, 1]])).logits
    if not torch.allclose(first[:3], second[:3], rtol=1e-3, atol=1e-3 * float(first.abs().max()), equal_nan=True):
        raise ValueError(f"{type(network).__name__} reads texts in both directions, so it cannot write one")


def has_weights(folder: Path) -> bool:
    return any(True for pattern in WEIGHTS for _ in folder.glob(pattern))


def read_json(folder: Path, name: str = CONFIG, kind: type = dict) -> Any:
    """A file of a checkpoint, as it is written. kind: dict or list, which it holds. Raises ValueError."""
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} holds no {name}: not a checkpoint in the Hugging Face layout") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{folder} cannot be read as a checkpoint: {name}: {error}") from None
    if not isinstance(found, kind):
        raise ValueError(f"{folder} cannot be read as a checkpoint: {name} is no {JSON_NAMES[kind]}")
    return found


def architectures(config: dict[str, Any]) -> list[str]:
    """The classes that the config names; none in a config that was written by hand."""
    named = config.get("architectures") or []
    return [str(each) for each in (named if isinstance(named, list) else [named])]


def task_of(architecture: str) -> str | None:
    """The name of transformers' table of tasks that has this class, such as SEQUENCE_CLASSIFICATION; "" for one that
    has no head, and None for one that transformers does not know.
    """
    found = [task for task, classes in tables().items() if architecture in classes]
    for task in (GENERATION, *(task for task in found if task not in GENERAL), *GENERAL):
        if task in found:
            return task
    return "" if architecture in classes_in(modeling_auto.MODEL_MAPPING_NAMES) else None


def tables() -> dict[str, set[str]]:
    """{task: names of classes}, as transformers has them."""
    names = [name for name in vars(modeling_auto) if name.startswith(TABLE) and name.endswith(END)]
    return {name.removeprefix(TABLE).removesuffix(END): classes_in(getattr(modeling_auto, name)) for name in names}


def classes_in(table: dict[str, Any]) -> set[str]:
    """The names of classes in one table; a model type may have several."""
    return {each for named in table.values() for each in ((named,) if isinstance(named, str) else named)}


def words(task: str | None) -> str:
    """A task in the words of a sentence."""
    if task is None:
        return f"an architecture that transformers {transformers.__version__} knows no task of"
    return "a model " + (WORDS.get(task, "for " + task.lower().replace("_", " ")) if task else NO_HEAD)

"""Pack whatever a FILE is: an estimator, a checkpoint, a Python class, the folder of an MLflow model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..settings import mlflow_environment
from ..store.missing import did_you_mean
from ..store.versions import StoredVersion
from .options import errors_as_sentences

__all__ = [
    "check_file",
    "default_name",
    "is_class",
    "kind_of",
    "may_run_code",
    "model_file",
    "on_this_machine",
    "pack_any",
    "source",
]

REGISTERED = "models:/"  # a model of an MLflow registry
PICKLED_WEIGHTS = (".pt", ".pth", ".bin")
TABLES = (".csv", ".parquet")
WEIGHTS = (*PICKLED_WEIGHTS, ".safetensors")


def is_class(file: Path) -> bool:
    """Whether it is the name of a class in a Python file: mymodel.py:Class."""
    return ".py:" in file.name


def source(file: Path) -> Path:
    """The path of FILE, without the class in it."""
    return Path(str(file).rpartition(":")[0]) if is_class(file) else file


def is_mlflow(file: Path) -> bool:
    """Whether it is the folder of an MLflow model."""
    return (file / "MLmodel").is_file()


def model_file(file: Path) -> Path:
    """The file that holds the model: of MLflow's folders, the one that their description names. Raises ValueError."""
    if not is_mlflow(file):
        return file
    from ..packing.mlflow_folder import read_folder

    return read_folder(file)[0]


def default_name(file: Path) -> str:
    """The name of a model that is given none."""
    if file.is_dir():
        return file.resolve().name
    return source(file).stem


def kind_of(file: Path, task: str | None = None, data: Path | None = None, code: Sequence[Path | str] = ()) -> str:
    """The kind of model that packing makes of it. task: what a checkpoint is said to be for. data: sample rows. code:
    Python files that it needs.

    Raises ValueError for a checkpoint whose config cannot be read, or that cannot be what it is said to be.
    """
    if file.is_dir() and not is_mlflow(file):
        from ..packing import checkpoint_task  # it imports transformers

        return checkpoint_task.kind_of(file, task)
    if task is not None:
        raise ValueError(f"--task says what a folder with a checkpoint is for; {file} is none")
    if is_class(file):
        return "python"
    from ..packing.networks.files import is_network_file

    network = is_network_file(file) or is_of_class(file, code)
    return "network" if data is None and network else "tabular"


def is_of_class(file: Path, code: Sequence[Path | str]) -> bool:
    """Whether it holds the weights of a network whose class is given."""
    return bool(code) and file.suffix in WEIGHTS


def kind_or_sentence(file: Path, task: str | None, data: Path | None, code: Sequence[Path]) -> str:
    """As `kind_of`; what it raises ends the command with a sentence."""
    with errors_as_sentences("checkpoints" if file.is_dir() and not is_mlflow(file) else "pack"):
        return kind_of(file, task, data, code)


def may_run_code(file: Path, code: Sequence[Path | str] = ()) -> bool:
    """Whether packing it may run code: its own, or that of files. Weights as safetensors, and what is not there, hold
    none.
    """
    if is_of_class(file, code):
        return True
    if file.is_dir() and not is_mlflow(file):
        return any(path.suffix in PICKLED_WEIGHTS for path in file.iterdir())
    return is_class(file) or (file.exists() and file.suffix not in (".py", ".safetensors"))


def on_this_machine(file: Path) -> Path:
    """FILE, checked; of a registry's model its folder, which is here until the command ends.

    What is wrong ends the command with a sentence.
    """
    if not str(file).startswith(REGISTERED):
        with errors_as_sentences():
            check_file(file)
        return file
    with errors_as_sentences("pack"):
        from ..packing.mlflow_registry import brought, parse

        return click.get_current_context().with_resource(brought(parse(str(file)), mlflow_environment()))


def check_file(file: Path) -> None:
    """Raise ValueError for what is not there, naming what is near, and for a table of rows, which is no model."""
    path = source(file)
    if not path.exists():
        beside = [each.name for each in path.absolute().parent.glob("*")]
        raise ValueError(f"there is no {path}{did_you_mean(path.name, beside)}")
    if path.suffix in TABLES:
        raise ValueError(f"{file} holds rows, and no model: pack model.pkl --data {file}")


def pack_any(
    file: Path,
    store: Path | str,
    *,
    name: str | None = None,
    data: Path | None = None,
    target: Sequence[str] = (),
    test: Path | None = None,
    metrics: Path | None = None,
    version: str | None = None,
    trust: Sequence[str] = (),
    code: Sequence[Path] = (),
    files: Path | None = None,
    runtime: str = "auto",
    precision: str = "float32",
    context_length: int | None = None,
    task: str | None = None,
    promote: bool = True,
    why: str = "",
) -> StoredVersion:
    """Pack by what FILE is; every error is one sentence on stderr."""
    common: dict[str, Any] = {
        "name": name or default_name(file),
        "version": version,
        "store": store,
        "promote": promote,
        "why": why,
    }
    kind = kind_or_sentence(file, task, data, code)
    with errors_as_sentences("pack" if kind in ("python", "tabular") else "checkpoints"):
        common["metrics"] = read_metrics(metrics)
        if file.is_dir() and not is_mlflow(file):
            if kind == "image_classification":
                from ..packing.images.pack import pack_image_classifier

                return pack_image_classifier(file, precision=precision, context_length=context_length, **common)
            if kind != "text_generation":
                from ..packing.encoder import pack_encoder

                return pack_encoder(file, precision=precision, max_tokens=context_length, task=task, **common)
            from ..packing.checkpoint import pack_checkpoint

            return pack_checkpoint(file, precision=precision, context_length=context_length, **common)
        if is_class(file):
            from ..packing.python_class import pack_class

            return pack_class(file, files=files, code=code, **common)
        if file.suffix == ".py":
            raise ValueError(f"{file} is a Python file; name the class in it: {file}:Class")
        from ..packing.torch_programs import script_sentence

        if script := script_sentence(file):
            raise ValueError(f"{file} is {script}")
        if kind == "network":
            of_class = is_of_class(file, code)
            check_unused(file, target=target, test=test, trust=trust, code=() if of_class else code, files=files)
            if of_class:
                from ..packing.networks.weights import pack_weights

                return pack_weights(file, code, **common)
        elif file.suffix in WEIGHTS:
            raise ValueError(weights_alone(file))
        from ..packing import pack_file

        return pack_file(
            file, data=data, target=target, held_out=test, trust=trust, code=code, runtime=runtime, **common
        )


def check_unused(file: Path, **options: Any) -> None:
    """Raise ValueError for options that say nothing of a network over tensors."""
    given = [f"--{name}" for name, value in options.items() if value]
    if given:
        raise ValueError(f"{file} is a network over tensors, of which {', '.join(given)} says nothing")


def read_metrics(path: Path | None) -> dict[str, Any] | None:
    """The object in a JSON file, or None without one. Raises ValueError."""
    if path is None:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=str)
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, str | int | float) for value in found.values()):
        raise ValueError(f'{path}: expected an object of numbers and texts, such as {{"accuracy": 0.97}}')
    return found


def weights_alone(file: Path) -> str:
    """Why a file of torch weights cannot be packed by itself. Raises ValueError where it holds more than weights."""
    from ..packing.checkpoint import read_state_dict
    from ..packing.other_ways import EXPORT_WAY

    if file.suffix != ".safetensors":
        read_state_dict(file)
    return (
        f"{file} holds weights alone; of a network of your own, give the file of its class, --code net.py; of a text "
        f"generator, pack the folder that holds them with their config.json and tokenizer; {EXPORT_WAY}"
    )

"""Pack a small typed Python class: its file, the files it loads, and an example it answers.

    pack_class("mymodel.py:Churn", name="churn", files="weights/")

The class is imported and loaded from the version itself, as a worker does it, before the version appears.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..models.python_model import FILES, PythonModel, columns_of, imported, output_dtype
from ..models.runtimes.sklearn import METHODS
from ..settings import Settings
from ..store.manifest import Manifest
from ..store.versions import StoredVersion, check_name
from .contract import made_row
from .open_source_file import carry, open_store, promotes
from .provenance import provenance

__all__ = ["pack_class"]


def pack_class(
    path: Path | str,
    *,
    name: str | None = None,
    files: Path | str | None = None,
    code: Iterable[Path | str] = (),
    store: Path | str | None = None,
    version: str | None = None,
    promote: bool | None = None,
    why: str = "",
    metrics: Mapping[str, Any] | None = None,
) -> StoredVersion:
    """Pack "FILE.py:Class" as a new version.

    name: default, the file's. files: a folder handed to the class's `load`. code: further Python files that it
    imports. store, version, promote, why, metrics: as in `packing.pack`. Returns the new version. Raises ValueError or
    FileNotFoundError.
    """
    file_name, _, class_name = str(path).rpartition(":")
    file = Path(file_name)
    name = check_name(name or file.stem)
    opened = open_store(store)
    with opened.adding(name, version, promote=promotes(promote), why=why) as draft:
        modules = carry(draft, [file, *code])
        if files is not None:
            shutil.copytree(files, draft.folder / FILES)
        dotted = f"{file.stem}:{class_name}"
        try:
            model_class = imported(modules, dotted)
        except Exception as error:  # the user's file may raise anything
            raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
        columns = columns_of(model_class)
        methods = [method for method in METHODS if callable(getattr(model_class, method, None))]
        if not methods:
            raise ValueError(f"{class_name} has none of {', '.join(METHODS)}")
        spec = {
            "task": "python",
            "estimator": class_name,
            "class": dotted,
            "container": "array",
            "columns": [column.to_json() for column in columns],
            "outputs": {method: output_of(model_class, method) for method in methods},
            "notes": [],
        }
        manifest = Manifest(
            model=draft.model,
            version=draft.version,
            kind="python",
            files=draft.digests(),
            spec=spec,
            metrics=dict(metrics or {}),
            provenance=provenance("numpy", source=file.name),
        )
        row = getattr(model_class, "example", None) or made_row(columns)
        draft.manifest = replace(manifest, example=answered(StoredVersion(draft.folder, manifest), row, methods))
    return opened.open(draft.model, draft.version)


def output_of(model_class: type, method: str) -> dict[str, Any]:
    return {"dtype": output_dtype(getattr(model_class, method)), "shape": [None]}


def answered(version: StoredVersion, row: dict[str, Any], methods: list[str]) -> dict[str, Any]:
    """The example: this row with the answers of the version, loaded as a worker loads it. Raises ValueError."""
    try:
        model = PythonModel.load(version, Settings())
        answers = model.runtime.run(model.plan.read([row]).values, methods)
        outputs = {method: model.outputs[method].plain(answers[method]) for method in methods}
        json.dumps(outputs, allow_nan=False)
    except Exception as error:  # the user's code may raise anything
        raise ValueError(f"{version.manifest.spec['class']} cannot answer its example {row}: {error}") from error
    return {"instances": [row], "outputs": outputs}

"""Pack a small typed Python class: its file, the files it loads, and an example it answers.

    pack_class("mymodel.py:Churn", name="churn", files="weights/")

The class is imported and loaded from the version itself, as a worker does it, before the version appears.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from ..models.python_model import FILES, PythonModel, columns_of, imported, output_dtype
from ..models.runtimes.sklearn import METHODS
from ..settings import Settings
from ..store.manifest import Manifest
from ..store.versions import StoredVersion, check_name
from .contract import made_row
from .open_source_file import carry, open_store
from .provenance import provenance

__all__ = ["pack_class"]


def pack_class(path, *, name=None, files=None, code=(), store=None, version=None, metrics=None):
    """Pack "FILE.py:Class" as a new version and make it current.

    name: default, the file's. files: a folder handed to the class's `load`. code: further Python
    files it imports. Returns the StoredVersion. Raises ValueError or FileNotFoundError.
    """
    file, _, kind = str(path).rpartition(":")
    file = Path(file)
    name = check_name(name or file.stem)
    store = open_store(store)
    with store.adding(name, version) as draft:
        modules = carry(draft, [file, *code])
        if files is not None:
            shutil.copytree(files, draft.folder / FILES)
        dotted = f"{file.stem}:{kind}"
        try:
            made = imported(modules, dotted)
        except Exception as error:  # the user's file may raise anything
            raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
        columns = columns_of(made)
        methods = [method for method in METHODS if callable(getattr(made, method, None))]
        if not methods:
            raise ValueError(f"{kind} has none of {', '.join(METHODS)}")
        spec = {
            "task": "python",
            "estimator": kind,
            "class": dotted,
            "container": "array",
            "columns": [column.to_json() for column in columns],
            "outputs": {method: described(made, method) for method in methods},
            "notes": [],
        }
        manifest = Manifest(
            model=draft.model,
            version=draft.version,
            kind="python",
            files=draft.digests(),
            spec=spec,
            metrics=metrics or {},
            provenance=provenance("numpy", source=file.name),
        )
        row = getattr(made, "example", None) or made_row(columns)
        draft.manifest = replace(manifest, example=answered(StoredVersion(draft.folder, manifest), row, methods))
    return store.open(draft.model, draft.version)


def described(kind, method):
    return {"dtype": output_dtype(getattr(kind, method)), "shape": [None]}


def answered(version, row, methods):
    """The example: this row with the answers of the version loaded as a worker loads it."""
    try:
        model = PythonModel.load(version, Settings())
        given = model.runtime.run(model.plan.read([row]).values, methods)
        outputs = {method: model.outputs[method].plain(given[method]) for method in methods}
        json.dumps(outputs, allow_nan=False)
    except Exception as error:  # the user's code may raise anything
        raise ValueError(f"{version.manifest.spec['class']} cannot answer its example {row}: {error}") from error
    return {"instances": [row], "outputs": outputs}

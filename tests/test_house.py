"""The picture of the house: who may import whom, and what stays out of light processes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A room -> the rooms of the service it may know. Arrows run downwards only.
MAY_IMPORT = {
    "errors": set(),
    "settings": {"errors"},
    "kinds": set(),
    "cells": {"kinds"},
    "columns": {"kinds", "cells", "errors"},
    "store": {"errors", "store"},
    "wire": {"errors", "wire"},
    "generation": {"errors", "generation"},
    "runtimes": {"errors", "runtimes"},
    "models": {"errors", "cells", "columns", "runtimes", "generation", "models", "store"},
    "packing": {"errors", "cells", "columns", "models", "runtimes", "generation", "store", "packing", "settings"},
    "admission": {"errors"},
    "cancel": set(),
    "texts": {"errors"},
    "predictor": {"admission", "batching", "cancel", "errors", "models", "store", "texts"},
    "instance": set(),
    "proposals": set(),
    "beside": set(),
    "swap": {"beside", "errors", "instance", "proposals"},
    "reload": {"proposals"},
    "logs": set(),
    "limits": set(),
    "keys": {"errors"},
    "auth": {"errors", "keys", "limits"},
    "cors": set(),
    "metrics": set(),
    "door": {"auth", "cors", "exchange", "logs", "metrics"},
    "exchange": {"errors"},
    "answers": {"errors", "wire"},
    "answers_v2": {"answers", "errors", "wire"},
    "short": {"answers", "answers_v2", "errors", "wire"},
    "batching": {"admission", "errors"},
    "connection": set(),
    "worker": {"connection", "errors", "settings", "store"},
    "blueprints": {"answers", "answers_v2", "errors", "exchange", "metrics", "wire", "blueprints"},
    "app": {"door", "errors", "settings", "predictor", "blueprints", "instance", "logs", "short", "swap"},
    "scoring": {"errors", "wire"},
    "key_commands": {"keys"},
    "cli": {"scoring", "errors", "key_commands", "settings", "store", "packing", "models", "predictor"},
    "__main__": {"cli"},
    "__init__": set(),
}

# A heavy library -> the rooms that may import it.
HEAVY = {
    "flask": {"app", "blueprints"},
    "werkzeug": {"app", "blueprints"},
    "torch": {"models", "generation", "packing"},
    "transformers": {"models", "generation", "packing"},
    "sklearn": {"runtimes", "packing"},
    "onnxruntime": {"runtimes", "generation"},
    "onnx": {"packing"},
    "llguidance": {"generation"},
    "marshmallow": {"wire"},
    "apispec": {"wire"},
    "prometheus_client": {"metrics"},
}


def modules():
    return sorted((ROOT / "service").rglob("*.py"))


def room(path):
    return path.relative_to(ROOT / "service").parts[0].removesuffix(".py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_downwards(path):
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "service":
            assert rest.split(".")[0] in MAY_IMPORT[room(path)], f"{path.name} may not know {name}"
        assert room(path) in HEAVY.get(top, {room(path)}), f"{path.name} may not import {top}"
        assert top != "client", "the service never imports the client"


@pytest.mark.parametrize("path", sorted((ROOT / "client").rglob("*.py")), ids=lambda path: path.name)
def test_the_client_never_imports_the_service(path):
    assert not [name for name in imported(path) if name.split(".")[0] == "service"]


def test_only_settings_reads_the_environment():
    readers = [path.name for path in modules() if "os.environ" in path.read_text(encoding="utf-8")]
    assert set(readers) <= {"settings.py", "cli.py"}  # cli.py hands its own environment on to the server it starts


def test_a_tabular_service_never_imports_torch():
    code = "import sys, service.app, service.models.tabular, service.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if "__all__" in path.read_text(encoding="utf-8")],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_public_names_exist_and_are_sorted(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (names,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    defined = {name.id for node in tree.body for name in ast.walk(node) if isinstance(name, ast.Name)}
    defined |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert set(names) <= defined
    assert len(set(names)) == len(names)

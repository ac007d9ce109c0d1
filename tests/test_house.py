"""What import-linter and ruff cannot check of the structure: sizes, entries, and what stays out of light processes.

The arrows between the packages are contracts of import-linter, in pyproject.toml; `make lint` checks them.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
MODULES = [ROOT / path for path in TRACKED if re.match(r"(?:service|client)/.*\.py", path)]


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_the_service_folder_can_be_read_at_a_glance():
    assert len({path.split("/")[1] for path in TRACKED if path.startswith("service/")}) <= 20


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_is_longer_than_300_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_only_settings_reads_the_environment():
    readers = {name(path) for path in MODULES if "os.environ" in path.read_text(encoding="utf-8")}
    # `serve` hands its own environment on to the server that it starts; `staying` puts back what gunicorn has taken
    # out of it; the others set a variable for a library.
    known = {"service/cli/serve.py", "service/server/staying.py", "service/__init__.py", "service/batch/on_ray.py"}
    outside = {path for path in readers if path.startswith("service/") and not path.startswith("service/settings/")}
    assert outside <= known


def test_kind_is_compared_only_in_models_packing_and_store():
    asking = {
        name(path)
        for path in MODULES
        if name(path).startswith("service/")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""(?:manifest|model|entry|self)(?:\.kind|\["kind"\])\s*(?:[!=]=|in\b|not in\b)""", line)
    }
    assert {path.split("/")[1] for path in asking} <= {"models", "packing", "store"}


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("service, service.__main__", {"numpy", "flask", "click"}),
        ("service.server.config", {"numpy", "flask", "sklearn", "torch", "onnxruntime"}),
        ("service.app, service.models.tabular, service.cli", {"torch", "transformers", "sklearn", "pandas", "pyarrow"}),
        ("service.batch.local, service.batch.run", {"torch", "sklearn", "pandas", "werkzeug", "service.wire.dialects"}),
        ("client", {"numpy", "pandas", "flask", "httpx2"}),
    ],
)
def test_light_processes_stay_light(modules, absent):
    code = f"import sys, {modules}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert not absent & set(ran.stdout.split())


def declared(tree):
    """The names of `__all__`; None without one."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return None


def defined(tree):
    """The names that a module binds at its top level."""
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        elif isinstance(node, ast.If):  # `if TYPE_CHECKING:`
            names |= defined(node)
    return names


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_exported_names_exist_once(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    exported = declared(tree)
    if exported is not None:
        assert len(set(exported)) == len(exported)
        assert set(exported) <= defined(tree)


def used_elsewhere():
    """Yield (module that is imported from, name) for every name that a module of ours imports from another."""
    for path in MODULES:
        package = list(path.relative_to(ROOT).parent.parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = ROOT.joinpath(*package[: len(package) + 1 - node.level], *(node.module or "").split("."))
                module = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
                yield from ((module, alias.name) for alias in node.names)


def test_names_that_other_modules_use_are_exported():
    missing = set()
    for module, imported in used_elsewhere():
        exported = declared(ast.parse(module.read_text(encoding="utf-8")))
        is_module = (module.parent / f"{imported}.py").exists() or (module.parent / imported).is_dir()
        if exported is not None and imported not in exported and not is_module:
            missing.add(f"{name(module)}: {imported}")
    assert not missing


def test_no_test_module_is_imported_by_another_file():
    """What tests share is in tests/support."""
    for folder in ("tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for line in path.read_text().splitlines():
                assert not re.match(r"\s*(from|import) tests(\.\w+)*\.test_", line), f"{path}: {line}"


WALL = re.compile(r"\btime\.time(?:_ns)?\(|\btime\(\)|datetime\.now\(")
# What tells people or files what time it is; everything that waits or measures uses monotonic clocks.
TELLS = {
    "observability/access_log.py": "lines of the log",
    "observability/drift/panes.py": "which rows are the newest, those of a server before this one too",
    "observability/prediction_log/log.py": "when a row was answered",
    "observability/traces.py": "when a span began",
    "server/keepalive_worker.py": "gunicorn's access log",
    "server/native_answer.py": "the Date header",
    "server/one_send.py": "the Date header",
    "web/access/api_keys.py": "when a key was made",
    "server/lifecycle/worker_registry.py": "when an admin asked for something",
    "store/draft.py": "how old an abandoned draft is, by its files",
    "store/key_pairs.py": "when a key pair was made",
    "store/manifest.py": "when a version was packed",
    "store/receipts.py": "when a history's entry was made",
    "store/remote/objects.py": "content that no other host would write",
    "store/remote/publishing.py": "how old an abandoned upload is, by its objects",
    "wire/ollama/response.py": "`created_at` of Ollama's answers",
    "wire/openai/response.py": "`created` of OpenAI's answers",
    "wire/openai/responses/response.py": "`created_at` of its answers",
    "models/chat.py": "what a chat template calls today",
}


def test_what_waits_or_measures_knows_no_wall_clock():
    users = {name(path) for path in MODULES if name(path).startswith("service/") and WALL.search(path.read_text())}
    assert users == {f"service/{path}" for path in TELLS}

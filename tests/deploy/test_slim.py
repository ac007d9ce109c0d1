"""What a bare `pip install daylight` needs and serves, and which line installs the rest."""

import json
import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.support.serving import ROOT
from service.models import ENGINES, KINDS
from service.store.missing_libraries import COMPILED, EXTRAS, NOT_COMPILED, install

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORDS = {
    "PIL": "pillow",
    "opentelemetry": "opentelemetry-exporter-otlp-proto-http",
    "onnx_ir": "onnx-ir",
    "sklearn": "scikit-learn",
    "xgboost": "xgboost-cpu",
    "yaml": "pyyaml",
    "scipy": "scikit-learn",
}


def pins(path):
    """{distribution: version} of a list whose every version is exact."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)", (ROOT / path).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def closure(extra=None):
    """{distribution: its ranges} that an extra brings, with those that it contains; None: a bare install."""
    found = {}
    for each in map(Requirement, PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]):
        if each.name == "daylight":
            for inner in each.extras:
                found |= closure(inner)
        else:
            found[canonicalize_name(each.name)] = each.specifier
    return found


def test_the_ranges_admit_the_versions_that_were_tested():
    tested = pins("tests/ray/requirements.txt") | pins("tests/requirements.txt") | pins("requirements.txt")
    ranges = closure() | closure("all") | closure("ray")
    assert {name for name, specifier in ranges.items() if tested[name] not in specifier} == set()
    assert set(pins("requirements.txt")) <= set(ranges), "each library of requirements.txt is in an extra"
    assert all(
        len(list(specifier)) == 2 for name, specifier in ranges.items() if name not in ("packaging", "cryptography")
    )


@pytest.mark.parametrize(("library", "extra"), EXTRAS.items())
def test_the_extra_that_is_named_brings_the_library(library, extra):
    brought = canonicalize_name(WORDS.get(library, library))
    assert brought in closure(extra)
    assert library == "scipy" or brought not in closure()


def test_every_kind_of_the_engine_process_says_what_it_needs():
    assert COMPILED.keys() == ENGINES.keys() | {"image_classification"}  # whose network the workers run
    assert NOT_COMPILED.keys() <= KINDS.keys()
    for extra, libraries in [*COMPILED.values(), *NOT_COMPILED.values()]:
        assert set(map(canonicalize_name, (WORDS.get(each, each) for each in libraries))) <= closure(extra).keys()


BARE = """
import sys

absent = sys.argv[2].split()
sys.modules.update(dict.fromkeys(absent))  # as where they are not installed
from service.app import create_app
from service.settings import Settings
import service.server.hooks, service.server.keepalive_worker, service.server.threaded_worker

client = create_app(Settings(store=sys.argv[1])).test_client()
(name,) = [each["id"] for each in client.get("/v1/models").json["data"]]
rows = client.get(f"/v1/models/{name}").json["example"]["instances"]
assert len(client.post(f"/v1/models/{name}:predict", json={"instances": rows}).json["predictions"]) == len(rows)
for path in ("/", f"/models/{name}", "/openapi.json", "/metrics", "/health/ready"):
    assert client.get(path).status_code == 200, path
arrow = {"Accept": "application/vnd.apache.arrow.stream"}
refused = client.post(f"/v1/models/{name}:predict", json={"instances": rows}, headers=arrow)
assert refused.status_code == 406 and "daylight[arrow]" in refused.json["error"], refused.json
either = {"Accept": "application/vnd.apache.arrow.stream, application/json;q=0.1"}
assert client.post(f"/v1/models/{name}:predict", json={"instances": rows}, headers=either).status_code == 200
taken = client.post(f"/v1/models/{name}:predict", data=b"PAR1", content_type="application/vnd.apache.parquet")
assert taken.status_code == 415 and "daylight[arrow]" in taken.json["error"], taken.json
files = {module.partition(".")[0]: getattr(what, "__file__", "") for module, what in sys.modules.items()}
print(*(name for name, file in files.items() if "site-packages" in (file or "")))
"""

# What these are imported by: a bare install's libraries, and what those depend on.
IMPORTED = """
apispec backports blinker certifi charset_normalizer click csimdjson flask flatbuffers google gunicorn httptools idna
itsdangerous jinja2 markupsafe marshmallow mmh3 msgspec numpy onnxruntime orjson packaging prometheus_client requests
simdjson urllib3 werkzeug
"""


def bare(code, *arguments):
    """Run code in an interpreter that has only what a bare install brings: (exit code, stdout, stderr)."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return ran.returncode, ran.stdout, ran.stderr


def test_a_bare_install_serves_a_compiled_table(tabular_store):
    code, out, err = bare(BARE, tabular_store, " ".join(EXTRAS))
    assert code == 0, err
    # The last two are used where they happen to be installed.
    assert set(out.split()) <= {*IMPORTED.split(), "_distutils_hack", "typing_extensions"}


COMMANDS = """
import json, sys
sys.modules.update(dict.fromkeys(sys.argv[1].split()))
from click.testing import CliRunner
from service.cli import main
ran = [CliRunner().invoke(main, arguments.split()) for arguments in sys.argv[2:]]
print(json.dumps([[each.exit_code, each.output] for each in ran]))
"""


def test_a_command_names_the_extra_that_it_needs():
    wanted = {
        "pack --no-sandbox pyproject.toml": "pack",
        "pack service": "checkpoints",
        "doctor pyproject.toml": "pack",
        "predict iris rows.csv": "pack",
        "signers make never.pem": "signers",
    }
    code, out, err = bare(COMMANDS, " ".join(EXTRAS), *wanted)
    assert code == 0, err
    for (status, said), extra in zip(json.loads(out), wanted.values(), strict=True):
        assert status == 1
        assert re.fullmatch(rf"Error: .*pip install 'daylight\[{extra}\]'\n", said)


def test_an_import_that_fails_for_another_reason_is_told_as_it_is():
    assert install(ImportError("libgomp.so.1: cannot open shared object file", name="sklearn")).startswith("libgomp")
    assert install(ModuleNotFoundError("No module named 'mine'", name="mine")) == "No module named 'mine'"
    assert install(ModuleNotFoundError(name="torch"), "pack").endswith("pip install 'daylight[checkpoints]'")

"""Each extra in an environment of its own: it does what docs/installing.md says, and brings no more.

The wheel is built once; pip's cache is shared. The versions are those of requirements.txt, so that files agree.
"""

import re
import subprocess
import venv

import joblib
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

from benchmarks.support.serving import ROOT
from service.packing import pack
from tests.support.tiny_encoders import pack_classifier
from tests.support.tiny_images import pack_colors
from tests.support.tiny_text import pack_tiny, save_checkpoint

pytestmark = pytest.mark.heavy

ARROW = """
from daylight.wire import table_formats as forms
assert forms.encode(forms.ARROW, {"predict": [1]}) and forms.encode(forms.PARQUET, {"predict": [1]})
"""
SPANS = """
from daylight.observability.metrics import Meter
from daylight.observability.traces import Traces
assert len(Traces("http://127.0.0.1:4318", Meter()).begun()) == 55
"""
KEYS = """
from daylight.web.access.key_places import place_of
try:
    place_of("redis://127.0.0.1:1/0").read()
except OSError as error:
    assert "does not answer" in str(error)
"""
# extra -> (what is run, libraries that must not have come with it); {work} is a folder
WORK = {
    "": ("daylight verify compiled", ["sklearn", "pandas", "pyarrow", "tokenizers", "cryptography"]),
    "arrow": (f"python -c '{ARROW}'", ["sklearn", "pandas", "tokenizers"]),
    "sklearn": ("daylight verify uncompiled", ["pyarrow", "onnx", "torch"]),
    "encoders": ("daylight verify encoder", ["torch", "sklearn", "llguidance"]),
    "images": ("daylight verify colors", ["torch", "sklearn", "tokenizers"]),
    "text": ("daylight verify text", ["torch", "transformers", "sklearn"]),
    "signers": ("daylight signers make {work}/key.pem", ["sklearn", "pyarrow"]),
    "redis": (f"python -c '{KEYS}'", ["sklearn", "pyarrow"]),
    "stores": (
        "python -c 'from daylight.store.remote.objects import Objects; Objects(\"s3://models/prod\")'",
        ["sklearn", "pyarrow"],
    ),
    "otel": (f"python -c '{SPANS}'", ["sklearn", "pyarrow"]),
    "pack": (
        "daylight pack {work}/model.joblib --data {work}/rows.csv --target Target --name packed"
        " && daylight verify packed && daylight predict packed {work}/rows.csv -o {work}/scored.parquet",
        ["torch", "xgboost", "tokenizers"],
    ),
    "ray": ("daylight predict compiled {work}/rows -o scored --engine ray --processes 2", ["torch", "xgboost"]),
    "trees": (
        "daylight pack {work}/booster.ubj --data {work}/rows.csv --target Target --name trees && daylight verify trees",
        ["torch", "tokenizers"],
    ),
    "checkpoints": ("daylight pack {work}/checkpoint --name texts && daylight verify texts", ["xgboost"]),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with what the commands open, and a store of one version of each sort."""
    folder = tmp_path_factory.mktemp("work")
    store = folder / "store"
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    X.assign(Target=y).to_csv(folder / "rows.csv", index=False)
    (folder / "rows").mkdir()
    for name in ("a", "b"):
        X.to_csv(folder / "rows" / f"{name}.csv", index=False)
    joblib.dump(model, folder / "model.joblib")
    XGBClassifier(n_estimators=5).fit(X, y).save_model(folder / "booster.ubj")
    save_checkpoint(folder / "checkpoint")
    pack(model, X, y, name="compiled", store=store)
    pack(model, X, y, name="uncompiled", store=store, runtime="sklearn")
    pack_tiny(store, name="text", runtime="auto")
    pack_classifier(store, name="encoder")
    pack_colors(store)
    return folder


def size(folder):
    """What an environment takes beside pip and setuptools, in MB."""
    own = ("pip", "setuptools", "pkg_resources")
    every = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(path.stat().st_size for path in every if not any(part in own for part in path.parts)) / 1e6


@pytest.mark.parametrize("extra", WORK)
def test_an_extra_does_what_it_says(extra, files, wheel, tmp_path):
    command, absent = WORK[extra]
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    wanted = f"daylight[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
    tested = "".join((ROOT / name).read_text() for name in ("requirements.txt", "tests/requirements.txt"))
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(re.sub(r"\[.*?\]", "", tested))  # constraints may name no extras
    install = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "-c", constraints, wanted]
    subprocess.run(install, check=True, stdin=subprocess.DEVNULL)
    print(f"[{extra}] {size(environment):.0f} MB")
    shell = {
        "PATH": f"{environment / 'bin'}:/usr/bin:/bin",
        "DAYLIGHT_STORE": str(files / "store"),
        "HOME": str(tmp_path),
    }
    ran = subprocess.run(
        ["sh", "-ec", command.replace("{work}", str(files))],
        cwd=tmp_path,
        env=shell,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stderr
    look = f"from importlib.util import find_spec; print(*filter(find_spec, {absent}))"
    found = subprocess.check_output([environment / "bin" / "python", "-c", look], env=shell, text=True)
    assert found.split() == []
    assert extra or size(environment) <= 200

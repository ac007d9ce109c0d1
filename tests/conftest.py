"""What many tests share: stores with models in them, and one server that serves the demo models."""

import subprocess
import sys

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import ROOT, live_server
from service.packing import pack
from service.store.versions import Store

DEMO_MODELS = {"tumour", "smollm2"}


@pytest.fixture(scope="session")
def demo_store():
    """The repository's own artifacts/, with both demo models in it."""
    store = ROOT / "artifacts"
    missing = DEMO_MODELS - set(Store(store).models())
    if missing:
        pytest.skip(f"needs the demo models ({', '.join(sorted(missing))} missing); build them: make artifacts")
    return store


@pytest.fixture(scope="session")
def tabular_store(tmp_path_factory):
    """A store with one small classifier, `iris`: four number columns, three labels, probabilities."""
    store = tmp_path_factory.mktemp("store")
    table = load_iris(as_frame=True)
    labels = table.target.map(dict(enumerate(table.target_names)))
    estimator = LogisticRegression(max_iter=1000).fit(table.data, labels)
    pack(estimator, table.data, labels, name="iris", store=store)
    return store


@pytest.fixture(scope="session")
def tiny_url(tmp_path_factory):
    """The URL of a server of two workers with `tiny`, the text model of tests.support.tiny_text; leave it as it was."""
    from tests.support.tiny_text import add_compiled_tiny  # only here: it imports torch

    store = tmp_path_factory.mktemp("store")
    add_compiled_tiny(store)
    with live_server(store, workers=2) as server:
        yield server


@pytest.fixture(scope="session")
def server(demo_store):
    """The URL of a server with the demo models; one for all tests, so leave it as you found it."""
    with live_server(demo_store) as url:
        yield url


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The package, built of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, stdin=subprocess.DEVNULL)
    (built,) = folder.glob("daylight-*.whl")
    return built

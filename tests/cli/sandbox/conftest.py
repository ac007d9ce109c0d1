"""The command line that packs into a store of its own, and an estimator to pack."""

import joblib
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from service.cli import main
from service.store.versions import Store
from tests.support.sandbox import write_class

X, Y = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A function that packs a file into tmp_path/store from an empty current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(file, *options, **env):
        command = ["pack", str(file), "--store", str(tmp_path / "store"), *map(str, options)]
        return CliRunner().invoke(main, command, env=env)

    return run


@pytest.fixture
def answer(pack, tmp_path):
    """A function that packs a class with this body, and gives the answer that it had in the sandbox."""

    def run(body, *options, **env):
        ran = pack(write_class(tmp_path, body), *options, **env)
        assert ran.exit_code == 0, ran.output
        return Store(tmp_path / "store").open("spy").manifest.example["outputs"]["predict"][0]

    return run


@pytest.fixture
def pickle(tmp_path):
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, Y), tmp_path / "iris.pkl")
    return tmp_path / "iris.pkl"

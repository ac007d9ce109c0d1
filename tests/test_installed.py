"""`pip install .`: the wheel carries everything, and the command `daylight` works from any folder."""

import json
import os
import subprocess
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import joblib
import pytest
import requests
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import ROOT, live_server
from service import __version__


@pytest.fixture(scope="module")
def daylight(wheel, tmp_path_factory):
    """The command of an environment with only the wheel in it; the libraries are lent by this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    Path(packages, "lent.pth").write_text(sysconfig.get_path("purelib"))
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, stdin=subprocess.DEVNULL)
    return folder / "bin" / "daylight"


def test_the_wheel_carries_what_serving_needs(wheel):
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    wanted = {
        f"daylight/{path.relative_to(ROOT / 'service').as_posix()}"
        for path in (ROOT / "service").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= names
    assert not [name for name in names if name.startswith(("service/", "tests/", "client/", "benchmarks/"))]
    assert "Provides-Extra: pack" in metadata
    needed = [line.partition(";")[0] for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert not [line for line in needed if "==" in line], "an exact pin breaks the environment of whoever installs it"


def test_serve_of_a_pickle_works_from_any_folder(daylight, tmp_path):
    X, y = load_iris(return_X_y=True)
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, y), tmp_path / "flowers.pkl")
    with live_server(
        tmp_path / "never",
        command=[str(daylight), "serve", "flowers.pkl"],
        cwd=tmp_path,
        env={"PYTHONPATH": ""},  # the wheel's package, not the repository's
    ) as server:
        answer = requests.post(f"{server}/predict", json=X[:2].tolist(), timeout=10)
        assert answer.json() == {"text": [0, 0]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flowers.pkl"]


def test_pack_and_models_from_any_folder(daylight, tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, y), tmp_path / "flowers.pkl")
    X.assign(Target=y).to_csv(tmp_path / "flowers.csv", index=False)

    def run(*arguments):
        return subprocess.run(
            [str(daylight), *arguments, "--store", "store"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    run("pack", "flowers.pkl", "--name", "iris", "--data", "flowers.csv", "--target", "Target")
    assert run("models").splitlines()[1].split()[:3] == ["iris", "tabular", "1*"]
    manifest = json.loads((tmp_path / "store" / "iris" / "1" / "manifest.json").read_text())
    assert [column["name"] for column in manifest["spec"]["columns"]] == list(X.columns)


def test_import_daylight_packs_and_knows_its_version(daylight, tmp_path):
    """The store is the one that DAYLIGHT_STORE names; importing the package imports no library."""
    code = (
        "import sys, daylight\n"
        "assert not {'numpy', 'flask', 'click'} & set(sys.modules)\n"
        "from sklearn.datasets import load_iris\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "X, y = load_iris(return_X_y=True)\n"
        "version = daylight.pack(LogisticRegression(max_iter=1000).fit(X, y), X, y, name='iris')\n"
        "print(daylight.__version__, version.folder)\n"
    )
    env = os.environ | {"PYTHONPATH": "", "DAYLIGHT_STORE": "elsewhere"}
    python = daylight.with_name("python")
    ran = subprocess.run([python, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [__version__, "elsewhere/iris/1"]
    said = subprocess.run([daylight, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"daylight, version {__version__}\n"


def test_modules_of_the_folder_do_not_take_the_place_of_libraries(daylight, tmp_path):
    """Whoever had a `queue.py` beside the pickle got its traceback instead of a server."""
    for name in ("queue", "requests", "daylight"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the module of the folder was imported')\n")
    X, y = load_iris(return_X_y=True)
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, y), tmp_path / "flowers.pkl")
    with live_server(
        tmp_path / "never", command=[str(daylight), "serve", "flowers.pkl"], cwd=tmp_path, env={"PYTHONPATH": ""}
    ) as server:
        assert requests.post(f"{server}/predict", json=X[:2].tolist(), timeout=10).json() == {"text": [0, 0]}


def test_a_project_with_its_own_service_package_runs_beside_it(daylight, tmp_path):
    """The installed package is called `daylight`: a folder `service/` beside it is the project's own."""
    project = tmp_path / "service"
    project.mkdir()
    (project / "__init__.py").write_text("raise SystemExit('the project was imported')\n")
    X, y = load_iris(return_X_y=True)
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, y), tmp_path / "flowers.pkl")
    with live_server(
        tmp_path / "never",
        command=[str(daylight), "serve", "flowers.pkl"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    ) as server:
        assert requests.post(f"{server}/predict", json=X[:2].tolist(), timeout=10).json() == {"text": [0, 0]}

"""Code carried beside a model, and models that are a small typed Python class."""

import json
import sys
import textwrap

import joblib
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from service import models
from service.app import create_app
from service.cli import main
from service.errors import DigestMismatch, InvalidInstances, StartupError
from service.packing import pack, pack_file
from service.packing.python_class import pack_class
from service.settings import Settings
from tests.support.loading import served

X, Y = load_iris(return_X_y=True, as_frame=True)

CHURN = """
    from datetime import datetime
    from typing import Literal

    class Churn:
        class Inputs:
            age: int
            plan: Literal["S", "M", "L"]
            pay: float | None
            vip: bool
            since: datetime
            note: str | None

        example = {"age": 3, "plan": "M", "pay": None, "vip": True, "since": "2020-01-01T00:00:00", "note": None}

        def load(self, folder):
            self.base = int((folder / "base.txt").read_text())

        def predict(self, rows) -> list[float]:
            return [self.base + row["age"] + (row["pay"] or 0.0) for row in rows]

        def transform(self, rows):
            return [{name: type(value).__name__ for name, value in row.items()} for row in rows]
"""


MODULES = ("shifting", "helper_of_shifting", "churn", "churned", "churn_sum")


def forget(*names):
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def clean_modules():
    """What a test carries is not left to the next."""
    yield
    forget(*MODULES)


def write(folder, name, source):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(textwrap.dedent(source))
    return path


def shifting(folder, by):
    """A module of the user's own with a transformer, which needs another of theirs."""
    write(folder, "helper_of_shifting.py", f"BY = {by}\n")
    return write(
        folder,
        "shifting.py",
        """
        from sklearn.base import BaseEstimator, TransformerMixin
        import helper_of_shifting

        class Shift(BaseEstimator, TransformerMixin):
            def fit(self, X, y=None):
                self.fitted_ = True
                return self

            def transform(self, X):
                return X + helper_of_shifting.BY
        """,
    )


def pickled(folder, by, monkeypatch):
    """model.pkl with a Shift inside, written where the modules could be imported; here they cannot."""
    code = [shifting(folder, by), folder / "helper_of_shifting.py"]
    forget("shifting", "helper_of_shifting")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        import shifting as mine

        estimator = make_pipeline(mine.Shift(), LogisticRegression(max_iter=1000)).fit(X, Y)
        joblib.dump(estimator, folder / "model.pkl")
        wanted = estimator.decision_function(X.head(3)).tolist()
    forget("shifting", "helper_of_shifting")
    X.to_csv(folder / "data.csv", index=False)
    return folder / "model.pkl", code, wanted


def scores(model):
    rows = model.predict(X.head(3).to_dict("records"), ["decision_function"]).predictions
    return [list(row.values()) if isinstance(row, dict) else row for row in rows]


def test_pickle_with_an_own_module_is_refused_without_code_and_packed_with_it(tmp_path, monkeypatch):
    path, code, wanted = pickled(tmp_path / "work", 1, monkeypatch)
    options = {"data": tmp_path / "work" / "data.csv", "store": tmp_path / "store"}
    with pytest.raises(ValueError, match=r"shifting\.Shift is not known to be safe.*modules of your own: --code FILE"):
        pack_file(path, **options)
    with pytest.raises(ValueError, match=r"needs the module helper_of_shifting.*--code helper_of_shifting\.py"):
        pack_file(path, **options, code=code[:1])
    version = pack_file(path, **options, code=code)
    assert {"code/shifting.py", "code/helper_of_shifting.py"} < set(version.manifest.files)
    for one in code:
        one.unlink()  # the version needs nothing outside itself
    assert scores(served(version)) == wanted


def test_versions_with_different_code_of_one_name_keep_their_own(tmp_path, monkeypatch):
    loaded = []
    for by in (0, 5):
        path, code, wanted = pickled(tmp_path / f"work{by}", by, monkeypatch)
        version = pack_file(
            path, name="m", data=tmp_path / f"work{by}" / "data.csv", store=tmp_path / "store", code=code
        )
        loaded.append((version, wanted))
    ready = [(served(version), wanted) for version, wanted in (*loaded, *reversed(loaded))]
    for model, wanted in ready:
        assert scores(model) == wanted
    assert loaded[0][1] != loaded[1][1]


def test_carried_code_is_not_run_once_it_was_changed(tmp_path, monkeypatch):
    path, code, _ = pickled(tmp_path / "work", 1, monkeypatch)
    version = pack_file(path, data=tmp_path / "work" / "data.csv", store=tmp_path / "store", code=code)
    with open(version.folder / "code" / "shifting.py", "a") as file:
        file.write(f"\nopen({str(tmp_path / 'pwned')!r}, 'w')\n")
    with pytest.raises(DigestMismatch):
        models.load(version, Settings())
    assert not (tmp_path / "pwned").exists()


def test_a_file_put_beside_the_carried_code_is_never_imported(tmp_path, monkeypatch):
    path, code, wanted = pickled(tmp_path / "work", 1, monkeypatch)
    version = pack_file(path, data=tmp_path / "work" / "data.csv", store=tmp_path / "store", code=code)
    for name in ("joblib.py", "sklearn.py", "sitecustomize.py", "helper_of_shifting.so"):
        (version.folder / "code" / name).write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')\n")
    assert scores(served(version)) == wanted
    assert not (tmp_path / "pwned").exists()
    assert str(version.folder / "code") not in sys.path


def test_a_module_this_process_has_already_stays_what_it_was(tmp_path, monkeypatch):
    """As in a notebook: what it packs next must still be its own class."""
    folder = tmp_path / "work"
    code = [shifting(folder, 2), folder / "helper_of_shifting.py"]
    monkeypatch.syspath_prepend(folder)
    import shifting as mine

    estimator = make_pipeline(mine.Shift(), LogisticRegression(max_iter=1000)).fit(X, Y)
    for _ in range(2):
        version = pack(estimator, X, Y, name="m", store=tmp_path / "store", code=code)
    assert sys.modules["shifting"] is mine
    assert "trusted" not in version.manifest.provenance
    assert scores(served(version)) == estimator.decision_function(X.head(3)).tolist()


@pytest.mark.parametrize("name", ["json.py", "numpy.py", "service.py", "no-name.py", "module.txt"])
def test_code_that_would_hide_another_module_is_refused(tmp_path, name):
    path = write(tmp_path / "work", name, "")
    with pytest.raises(ValueError, match=r"it would hide that one|is no Python module"):
        pack(LogisticRegression(max_iter=1000).fit(X, Y), X, Y, name="m", store=tmp_path / "store", code=[path])


@pytest.fixture
def churn(tmp_path):
    path = write(tmp_path / "work", "churn.py", CHURN)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "base.txt").write_text("100")
    store = tmp_path / "store"
    found = CliRunner().invoke(
        main, ["pack", f"{path}:Churn", "--files", str(tmp_path / "files"), "--store", str(store)]
    )
    assert found.exit_code == 0, found.output
    assert "packed churn version 1 (python)" in found.output
    return store


ROW = {"age": 31, "plan": "M", "pay": 1.5, "vip": True, "since": "2020-01-01", "note": None}


@pytest.fixture
def browser(churn):
    return create_app(Settings(store=churn)).test_client()


def test_a_python_class_is_served_on_the_routes_of_tables(browser):
    answer = browser.post("/v1/models/churn:predict", json={"instances": [ROW, ROW | {"pay": None}]})
    assert answer.json["predictions"] == [132.5, 131.0]
    assert browser.post("/predict", json=ROW).json == {"text": [132.5]}
    entry = browser.get("/v1/models/churn").json
    assert entry["kind"] == "tabular"
    assert {column["name"]: column["kind"] for column in entry["columns"]} == {
        "age": "integer",
        "plan": "category",
        "pay": "number",
        "vip": "boolean",
        "since": "datetime",
        "note": "text",
    }
    assert entry["outputs"]["predict"]["dtype"] == "number"


def test_its_methods_get_the_declared_types_whatever_json_sent(browser):
    row = ROW | {"age": 31.0, "pay": 2}
    body = {"instances": [row], "outputs": ["transform"]}
    (found,) = browser.post("/v1/models/churn:predict", json=body).json["predictions"]
    assert found == {
        "age": "int",
        "plan": "str",
        "pay": "float",
        "vip": "bool",
        "since": "datetime",
        "note": "NoneType",
    }


def test_every_violation_is_told_as_for_any_table(browser):
    wrong = {"age": 1.5, "plan": "XL", "pay": "1", "vip": 1, "since": "soon", "note": 3}
    answer = browser.post("/v1/models/churn:predict", json={"instances": [ROW, wrong]})
    assert answer.status_code == 422
    assert [(one["row"], one["column"]) for one in answer.json["details"]] == [(1, name) for name in wrong]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("class C:\n    def predict(self, rows): return [1]", "declares no Inputs"),
        ("class C:\n    class Inputs:\n        a: list\n    def predict(self, rows): return [1]", "Inputs.a is"),
        ("class C:\n    class Inputs:\n        a: int | str\n    def predict(self, rows): return [1]", "Inputs.a is"),
        ("class C:\n    class Inputs:\n        a: int", "C has none of predict"),
        ("class C:\n    class Inputs:\n        a: int\n    def predict(self, rows): return []", "0 answers for 1 rows"),
        (
            "class C:\n    class Inputs:\n        a: int\n    def predict(self, r): return [{1}]",
            "a set, which JSON has no value for",
        ),
        ("class C:\n    class Inputs:\n        a: int\n    def load(self, folder): 1 / 0", "none of predict"),
        (
            "class C:\n    class Inputs:\n        a: int\n    def load(self, f): 1 / 0\n    def predict(self, r): pass",
            "ZeroDivisionError",
        ),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("class D: pass", "cannot be imported: AttributeError"),
    ],
)
def test_a_class_that_cannot_be_served_is_refused_with_the_reason(tmp_path, source, told):
    path = write(tmp_path, "churned.py", source)
    found = CliRunner().invoke(main, ["pack", f"{path}:C", "--store", str(tmp_path / "store")])
    assert found.exit_code == 1
    assert told in found.output
    assert not list((tmp_path / "store").glob("*/*/manifest.json"))


def test_a_python_file_without_a_class_asks_for_it(tmp_path):
    path = write(tmp_path, "churned.py", CHURN)
    found = CliRunner().invoke(main, ["pack", str(path), "--store", str(tmp_path / "store")])
    assert found.exit_code == 1
    assert "name the class in it" in found.output


def test_an_example_is_made_where_none_is_given_and_replayed_at_load(tmp_path):
    source = """
        class Sum:
            class Inputs:
                a: int
                b: float
            def predict(self, rows) -> list[int]:
                if any(row["a"] < 0 for row in rows):
                    raise KeyError("negative")
                return [row["a"] + row["b"] for row in rows]
    """
    version = pack_class(f"{write(tmp_path / 'work', 'churn_sum.py', source)}:Sum", store=tmp_path / "store")
    assert version.manifest.example == {"instances": [{"a": 0, "b": 0.0}], "outputs": {"predict": [0.0]}}
    model = served(version)
    with pytest.raises(InvalidInstances):
        model.predict([{"a": 1}])
    with pytest.raises(InvalidInstances, match='column "a": expected integer that this model can compute with, got -1'):
        model.predict([{"a": -1, "b": 1}])
    path = version.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["example"]["outputs"]["predict"] = [7]
    with pytest.raises(StartupError, match="answers its own example with"):
        served(type(version)(version.folder, type(version.manifest)(**manifest)))


def test_its_code_and_files_are_digested(churn):
    from service.store.versions import Store

    version = Store(churn).open("churn")
    assert set(version.manifest.files) == {"code/churn.py", "files/base.txt"}
    (version.folder / "files" / "base.txt").write_text("7")
    with pytest.raises(DigestMismatch):
        models.load(version, Settings())

"""Bare Boosters, and the files that XGBoost, LightGBM and CatBoost write themselves, by the command line."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from service import models
from service.cli.main import main
from service.packing import pack, pack_file
from service.settings import Settings
from service.store.versions import Store
from tests.support import zoo_tables as tables
from tests.support.tables import records


@pytest.fixture
def flowers():
    X, y = tables.iris()
    return X.set_axis(list("abcd"), axis="columns"), y.astype("category").cat.codes


def xgboost_booster(X, y, **options):
    import xgboost

    return xgboost.train({"nthread": 1, **options}, xgboost.DMatrix(X, y), 4)


def lightgbm_booster(X, y, **options):
    import lightgbm

    return lightgbm.train({"num_threads": 1, "verbosity": -1, **options}, lightgbm.Dataset(X, y), 4)


def xgboost_wrapped(X, y):
    import xgboost

    return xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(X, y)


def catboost_wrapped(kind="CatBoostClassifier", **options):
    def fit(X, y):
        import catboost

        quiet = {"iterations": 4, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
        return getattr(catboost, kind)(**quiet | options).fit(X, y)

    return fit


def by_xgboost(booster, X):
    import xgboost

    return booster.predict(xgboost.DMatrix(X))


def by_itself(model, X):
    return model.predict(X)


SHARES = {"objective": "multi:softprob", "num_class": 3}
FILES = {
    "xgboost, wrapped": ("xgboost", xgboost_wrapped, "m.json", by_itself),
    "xgboost, json": ("xgboost", lambda X, y: xgboost_booster(X, y, **SHARES), "m.json", by_xgboost),
    "xgboost, ubj": ("xgboost", lambda X, y: xgboost_booster(X, y), "m.ubj", by_xgboost),
    "xgboost, another suffix": ("xgboost", lambda X, y: xgboost_booster(X, y), "m.model", by_xgboost),
    "lightgbm": ("lightgbm", lambda X, y: lightgbm_booster(X, y), "m.txt", by_itself),
    "lightgbm, two": (
        "lightgbm",
        lambda X, y: lightgbm_booster(X, y > 0, objective="binary"),
        "m.txt",
        by_itself,
    ),
    "catboost": ("catboost", catboost_wrapped(), "m.cbm", by_itself),
    "catboost, json": ("catboost", catboost_wrapped(), "m.json", by_itself),
    "catboost, numbers": ("catboost", catboost_wrapped("CatBoostRegressor"), "m.cbm", by_itself),
    "catboost, counts": (
        "catboost",
        catboost_wrapped("CatBoostRegressor", loss_function="Poisson"),
        "m.cbm",
        by_itself,
    ),
}


@pytest.mark.usefixtures("any_speed")
@pytest.mark.parametrize("runtime", ["auto", "sklearn"])
@pytest.mark.parametrize("case", FILES)
def test_a_file_that_a_library_wrote_is_served_as_the_model_that_wrote_it(tmp_path, flowers, case, runtime):
    library, fit, name, ask = FILES[case]
    pytest.importorskip(library)
    X, y = flowers
    model, file = fit(X, y), tmp_path / name
    written = file.with_suffix(".ubj") if file.suffix == ".model" else file
    model.save_model(written, **{"format": "json"} if case == "catboost, json" else {})
    written.rename(file)
    X.to_csv(tmp_path / "sample.csv", index=False)
    options = ["--data", tmp_path / "sample.csv", "--store", tmp_path / "store", "--runtime", runtime, "--no-sandbox"]
    ran = CliRunner().invoke(main, ["pack", str(file), *map(str, options)])
    assert ran.exit_code == 0, ran.output
    version = Store(tmp_path / "store").open("m")
    assert version.manifest.spec["runtime"]["name"] == ("onnx" if runtime == "auto" else "sklearn")
    assert version.manifest.provenance["needs"].keys() == {library}
    assert [column["name"] for column in version.manifest.spec["columns"]] == list("abcd")
    served = models.load(version, Settings())
    served.warm_up()
    np.testing.assert_allclose(served.predict(records(X)).predictions, ask(model, X), rtol=1e-6)


@pytest.mark.parametrize(
    ("library", "fit", "ask"),
    [("xgboost", xgboost_booster, by_xgboost), ("lightgbm", lightgbm_booster, by_itself)],
    ids=["xgboost", "lightgbm"],
)
@pytest.mark.parametrize("runtime", ["auto", "sklearn"])
def test_a_bare_booster_is_packed_where_it_was_trained(tmp_path, flowers, library, fit, ask, runtime):
    pytest.importorskip(library)
    X, y = flowers
    booster = fit(X, y)
    version = pack(booster, X, y, name="m", store=tmp_path, runtime=runtime)
    served = models.load(version, Settings())
    served.warm_up()
    np.testing.assert_allclose(served.predict(records(X)).predictions, ask(booster, X), rtol=1e-6)


def test_without_a_sample_the_file_names_the_columns(tmp_path, flowers):
    pytest.importorskip("lightgbm")
    lightgbm_booster(*flowers).save_model(tmp_path / "m.txt")
    version = pack_file(tmp_path / "m.txt", store=tmp_path / "store")
    assert [column["name"] for column in version.manifest.spec["columns"]] == list("abcd")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("m.json", b'{"rows": []}', "no file of XGBoost, LightGBM or CatBoost that can be read"),
        ("m.txt", b"tree\nversion=v4\nnum_class=1\n", "cannot be opened"),
        ("m.ubj", b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", "cannot be opened"),
        ("m.cbm", b"CBM1" + bytes(40), "cannot be opened"),
        ("m.json", b'{"name": "tree", "tree_info": []}', "save_model('model.txt')"),
    ],
    ids=["no model", "half a text", "half of XGBoost's", "zeros", "a dump"],
)
def test_a_file_that_is_no_model_is_refused_in_a_sentence(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    code = "import sys; from service.cli.main import main; main(sys.argv[1:])"
    arguments = ["pack", str(tmp_path / name), "--store", str(tmp_path / "store"), "--no-sandbox"]
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert why in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "store").exists()


def test_a_compiled_booster_is_served_without_its_library(tmp_path, flowers):
    pytest.importorskip("xgboost")
    X, y = flowers
    version = pack(xgboost_wrapped(X, y), X, y, name="m", store=tmp_path)
    assert version.manifest.spec["runtime"]["name"] == "onnx"
    code = (
        "import sys; sys.modules['xgboost'] = sys.modules['sklearn'] = None\n"
        "from service import models; from service.settings import Settings; from service.store.versions import Store\n"
        "model = models.load(Store(sys.argv[1]).open('m'), Settings()); model.warm_up()\n"
        "print(model.predict([[5.1, 3.5, 1.4, 0.2]]).predictions)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[0]", ran.stderr
    assert pd.Series(y).iloc[0] == 0

"""What `daylight pack` says."""

import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from service.cli import main

X, Y = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    """A folder with rows.csv, the `iris` that was packed with them in store/, and what packing said in told."""
    folder = tmp_path_factory.mktemp("iris")
    (folder / "told").write_text(packed(folder), encoding="utf-8")
    return folder


def packed(folder, *options):
    """Standard output of packing a classifier with its sample, in a sandbox unless the options say otherwise."""
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, Y), folder / "iris.pkl")
    X.to_csv(folder / "rows.csv", index=False)
    command = ["pack", str(folder / "iris.pkl"), "--data", str(folder / "rows.csv"), "--store", str(folder / "store")]
    ran = CliRunner().invoke(main, [*command, *options])
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_pack_says_what_was_proven_of_a_compiled_model(iris):
    """It said `runtime onnx: None`."""
    assert "runtime onnx: equal to scikit-learn on " in (iris / "told").read_text(encoding="utf-8")


def test_files_of_two_suffixes_are_two_models_unless_they_are_named(tmp_path):
    """m.txt of LightGBM became a version of m, a model that m.json of XGBoost had made, and was not promoted."""
    packed(tmp_path, "--no-sandbox")
    (tmp_path / "iris.pkl").rename(tmp_path / "iris.joblib")
    store = str(tmp_path / "store")
    command = ["pack", str(tmp_path / "iris.joblib"), "--data", str(tmp_path / "rows.csv"), "--store", store]
    command += ["--no-sandbox", "--runtime", "sklearn"]
    told = CliRunner().invoke(main, command).output
    assert "so this is iris-joblib; --name iris makes it a version of that" in told
    assert "packed iris-joblib version 1" in told
    assert "packed iris-joblib version 2" in CliRunner().invoke(main, command).output
    assert "packed iris version 2" in CliRunner().invoke(main, [*command, "--name", "iris"]).output


def test_pack_says_why_a_model_was_not_compiled(tmp_path):
    assert "runtime sklearn: scikit-learn serves it because " in packed(
        tmp_path, "--no-sandbox", "--runtime", "sklearn"
    )


def test_of_many_columns_the_first_are_printed(tmp_path):
    """A model of 200 columns scrolled what was proven of it off the screen."""
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 40)), columns=[f"c{place}" for place in range(40)])
    joblib.dump(LogisticRegression().fit(wide, wide.c0 > 0), tmp_path / "wide.pkl")
    wide.to_csv(tmp_path / "wide.csv", index=False)
    command = ["pack", str(tmp_path / "wide.pkl"), "--data", str(tmp_path / "wide.csv"), "--store", str(tmp_path / "s")]
    command += ["--no-sandbox", "--runtime", "sklearn"]
    told = CliRunner().invoke(main, command).output
    assert "c7 " in told
    assert "c8 " not in told
    assert "and 32 more: 32 number (--all-columns prints them)" in told
    assert "c39 " in CliRunner().invoke(main, [*command, "--all-columns"]).output


@pytest.mark.parametrize(("options", "file"), [([], "rows.scored.csv"), (["-o", "{}/x.parquet"], "x.parquet")])
def test_scored_rows_go_beside_the_file_or_where_their_ending_says(iris, tmp_path, options, file):
    shutil.copy(iris / "rows.csv", tmp_path)
    options = [option.format(tmp_path) for option in options]
    command = ["predict", "iris", str(tmp_path / "rows.csv"), "--store", str(iris / "store")]
    ran = CliRunner().invoke(main, [*command, *options])
    assert ran.exit_code == 0, ran.output
    assert f"150 rows scored into {tmp_path / file}" in ran.output
    assert (tmp_path / file).stat().st_size > 1000
    refused = CliRunner().invoke(main, [*command, "-o", str(tmp_path / "x.xlsx")])
    assert "expected a name that ends with .csv, .parquet," in refused.output
    assert not (tmp_path / "x.xlsx").exists()

"""What `daylight pack` says."""

import joblib
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from service.cli import main

X, Y = load_iris(return_X_y=True, as_frame=True)


def packed(folder, *options):
    """Standard output of packing a classifier with its sample."""
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, Y), folder / "iris.pkl")
    X.to_csv(folder / "rows.csv", index=False)
    command = ["pack", str(folder / "iris.pkl"), "--data", str(folder / "rows.csv"), "--store", str(folder / "store")]
    ran = CliRunner().invoke(main, [*command, *options])
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_pack_says_what_was_proven_of_a_compiled_model(tmp_path):
    """It said `runtime onnx: None`."""
    assert "runtime onnx: equal to scikit-learn on " in packed(tmp_path)


def test_pack_says_why_a_model_was_not_compiled(tmp_path):
    assert "runtime sklearn: scikit-learn serves it because " in packed(tmp_path, "--runtime", "sklearn")

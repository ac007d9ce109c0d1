"""What an explanation costs: a row of 30 columns against 100 background rows, beside `shap`.

    python -m benchmarks.explanations

Ours is `model.predict(row, ["explanation"])` of a compiled version, with its standard errors. `shap`'s is the
permutation explainer on the estimator, with the same background rows and as many rows asked of the model.
"""

import json
import warnings
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.rounds import interleaved, report
from service import models
from service.models.tables.shapley import PAIRS
from service.packing import pack
from service.settings import Settings
from service.store.versions import Store

ESTIMATORS = {
    "linear": LinearRegression(),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "boosted trees, 100": HistGradientBoostingClassifier(random_state=0),
    "forest, 100 trees": RandomForestClassifier(random_state=0),
}
ROUNDS, CALLS = 5, 2


def ours(estimator, X, y, folder):
    """(a function that explains a row, the background rows)."""
    pack(estimator, X, y, name="m", store=folder)
    version = Store(folder).open("m")
    model = models.load(version, Settings(store=folder))
    row = json.loads(X.iloc[[0]].to_json(orient="records"))
    with version.open("background.json") as file:
        background = pd.DataFrame(json.load(file))
    return lambda: model.predict(row, ["explanation"]), background, version.manifest.spec["runtime"]["name"]


def theirs(estimator, X, background):
    import shap

    answer = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    masker = shap.maskers.Independent(background.to_numpy(), max_samples=len(background))
    explainer = shap.explainers.PermutationExplainer(lambda rows: answer(rows), masker, seed=0)
    row, asked = X.iloc[[0]].to_numpy(), PAIRS * (2 * X.shape[1] + 1)
    return lambda: explainer(row, max_evals=asked, silent=True)


def main():
    warnings.simplefilter("ignore")  # of an estimator that is given arrays in the place of its frame
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    for name, estimator in ESTIMATORS.items():
        with TemporaryDirectory() as folder:
            explain, background, runtime = ours(estimator.fit(X, y), X, y, folder)
            ways = {"Daylight": explain, "shap": theirs(estimator, X, background)}
            medians = interleaved(ways, rounds=ROUNDS, calls=CALLS)
        report(
            f"{name}, on {runtime}: one row of {X.shape[1]} columns, {len(background)} background rows",
            medians,
            [("Daylight", "shap")],
            ["scikit-learn", "shap", "numpy"],
        )


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()

"""The models that everybody serves, the rows everybody is asked for, and what scikit-learn says of them.

bench = prepare("svm", "lists", folder)
bench.questions["1 row"], bench.answers["1 row"]      # one row [1, 30] and its label
"""

import json
from dataclasses import dataclass
from importlib import import_module as library
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from service.packing import pack

__all__ = ["FORMS", "MODELS", "Bench", "prepare"]

FORMS = ("lists", "names")
MANY = 1000  # rows in the large request

MODELS = {
    "svm": lambda: make_pipeline(StandardScaler(), SVC()),
    "forest": lambda: RandomForestClassifier(100, random_state=0),
    "boosting": lambda: HistGradientBoostingClassifier(random_state=0),
    "neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier()),
    "xgboost": lambda: library("xgboost").XGBClassifier(n_jobs=1),
    "lightgbm": lambda: library("lightgbm").LGBMClassifier(n_jobs=1, verbosity=-1),
    "catboost": lambda: library("catboost").CatBoostClassifier(
        300, thread_count=1, verbose=0, allow_writing_files=False
    ),
}


@dataclass(frozen=True)
class Bench:
    """One model on disk as servers want it, and the questions with their answers.

    form: "lists" of numbers or values by "names" of columns. model: a pickle, fitted on an array where the form is
    lists, else on a DataFrame; store: packed for Daylight, which wants to know names always; runtime: how Daylight
    executes it; rows: the table as .npy; names: the names of its columns as JSON.
    questions: {"1 row": rows [1, 30], "1000 rows": rows [1000, 30]}, float64.
    answers: {the same names: labels [rows], whole numbers}.
    """

    name: str
    form: str
    model: Path
    store: Path
    runtime: str
    rows: Path
    names: Path
    columns: list
    questions: dict
    answers: dict


def prepare(name, form, folder):
    """Fit the model `name` and write everything a server may need into `folder`: its Bench."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    values, columns = X.to_numpy(), list(X.columns)
    plain, framed = MODELS[name]().fit(values, y), MODELS[name]().fit(X, y)
    model, rows, names = folder / "model.joblib", folder / "rows.npy", folder / "columns.json"
    joblib.dump(plain if form == "lists" else framed, model)
    np.save(rows, values)
    names.write_text(json.dumps(columns))
    version = pack(framed, X, y, name="bench", store=folder / "store")
    questions = {"1 row": values[:1], f"{MANY} rows": values[np.arange(MANY) % len(values)]}
    return Bench(
        name=name,
        form=form,
        model=model,
        store=folder / "store",
        runtime=version.manifest.spec["runtime"]["name"],
        rows=rows,
        names=names,
        columns=columns,
        questions=questions,
        answers={question: plain.predict(asked).tolist() for question, asked in questions.items()},
    )

"""The models the page is tested with: every kind of column, many columns, labels as formulas, a tiny text generator.

store = page_store(tmp_path)          # holds `visits`, `wide`, `plans` and `tiny`
"""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder
from sklearn.svm import SVC

from service.packing import pack
from tests.support.tiny_text import add_compiled_tiny

__all__ = ["HOSTILE", "page_store"]

HOSTILE = "<img src=x onerror=alert('1')>\"{{ 7*7 }}</script>"  # a category, so it reaches the page as data


def hours(dates):
    return (dates - pd.Timestamp("2026-01-01")) / pd.Timedelta(hours=1)


def visits():
    """One column of each kind; `income` may be missing, `city` takes strangers, one `plan` is hostile."""
    rng = np.random.default_rng(0)
    rows = 240
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "income": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(3000, 800, rows).round(2)),
            "plan": rng.choice(["basic", "it's all", HOSTILE], rows),
            "city": rng.choice(["Rome", "Oslo", "São Paulo"], rows),
            "member": rng.random(rows) < 0.5,
            "joined": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9000, rows), unit="h"),
            "remark": rng.choice(["all fine", "came late", "asked for help"], rows),
        }
    )
    labels = np.where(table.age > 60, "no", np.where(table.member, "yes", "maybe"))
    return table, labels


def visits_model():
    columns = ColumnTransformer(
        [
            ("numbers", "passthrough", ["age", "income", "member"]),
            ("plan", OrdinalEncoder(), ["plan"]),
            ("city", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]),
            ("joined", FunctionTransformer(hours), ["joined"]),
            ("remark", CountVectorizer(), "remark"),
        ],
        sparse_threshold=0,
    )
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=10, random_state=0))


def plans():
    """A number and a category with a comma in it; one label begins as a formula does."""
    table = pd.DataFrame({"age": np.arange(60) + 18.5, "plan": np.tile(["S", "M, or L"], 30)})
    return table, np.where(table.age > 40, "=stays", "leaves")


def page_store(folder):
    """Pack the four models into a store in `folder`; returns the folder."""
    table, labels = visits()
    pack(visits_model().fit(table, labels), table, labels, name="visits", store=folder, metrics={"accuracy": 0.91})
    loaded = load_breast_cancer(as_frame=True)
    labels = loaded.target.map(dict(enumerate(map(str, loaded.target_names))))
    pack(SVC().fit(loaded.data, labels), loaded.data, labels, name="wide", store=folder)
    table, labels = plans()
    encoded = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    pack(make_pipeline(encoded, LogisticRegression()).fit(table, labels), table, labels, name="plans", store=folder)
    add_compiled_tiny(folder)
    return folder

"""A table of numbers, texts, truth values and moments, and an application with models of it."""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from tests.support.zoo_steps import calendar

__all__ = ["FRAME", "LABELS", "NUMBERS", "PATH", "mixed_client", "post", "records"]

PATH = "/v1/models/mixed:predict"
NUMBERS = "/v1/models/numbers:predict"
FRAME = pd.DataFrame(
    {
        "age": [31.5, None, 44.0, 27.0] * 5,
        "city": ["Oslo", "Rome", "Rome", "Oslo"] * 5,
        "known": [True, False, True, True] * 5,
        "visits": [1, 2, 3, 4] * 5,
        "day": pd.to_datetime(["2020-01-01", "2020-02-02", "2021-03-03", "2022-04-04"] * 5).astype("datetime64[us]"),
    }
)
LABELS = ["no", "yes", "yes", "no"] * 5


def mixed_client(store):
    """A client of `mixed`, packed of FRAME, and of `numbers`, two columns of it without names."""
    columns = make_column_transformer(
        (OneHotEncoder(), ["city"]), (FunctionTransformer(calendar), ["day"]), remainder=SimpleImputer()
    )
    pack(make_pipeline(columns, LogisticRegression()).fit(FRAME, LABELS), FRAME, LABELS, name="mixed", store=store)
    X = FRAME[["age", "visits"]].fillna(30.0).to_numpy()
    pack(LogisticRegression().fit(X, LABELS), X, LABELS, name="numbers", store=store)
    return create_app(Settings(store=store, max_rows=50, max_body_bytes=200_000)).test_client()


def records(frame):
    rows = frame.astype({"day": "str"}) if "day" in frame else frame
    return [{key: None if value != value else value for key, value in row.items()} for row in rows.to_dict("records")]


def post(client, form, body, path=PATH, **more):
    return client.post(path, data=body, content_type=form, **more)

"""Sample files: what a column is the fitted object decides, before the way its cells are written."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from service.packing import pack_file
from service.wire.table_formats import decode
from service.wire.table_formats.csv_dialect import Dialect, recognise
from tests.support.loading import served


def packed(tmp_path, model, frame, **options):
    joblib.dump(model, tmp_path / "m.joblib")
    if isinstance(frame, pd.DataFrame):
        frame.to_csv(tmp_path / "data.csv", index=False)
    return pack_file(tmp_path / "m.joblib", data=tmp_path / "data.csv", store=tmp_path / "store", **options)


def columns(version):
    return {column["name"]: column for column in version.manifest.spec["columns"]}


def encoded(X, y, name):
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [name]), remainder="passthrough")
    return make_pipeline(encoder, Ridge()).fit(X, y)


@pytest.mark.parametrize("values", [["00501", "02108", "90210"], ["True", "False"], ["1.50", "NaN"]])
def test_texts_that_look_like_something_else_are_what_the_encoder_says(tmp_path, values):
    """The owner's own training file was refused: pandas had made numbers of the codes."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"code": rng.choice(values, 60), "n": rng.integers(1, 9, 60)})
    model = encoded(X, X["n"] + (X["code"] == values[0]) * 50.0, "code")
    version = packed(tmp_path, model, X.assign(y=0), target=["y"])
    assert columns(version)["code"]["categories"] == sorted(values)
    answer = served(version).predict([{"code": values[0], "n": 3}]).predictions
    assert answer == pytest.approx(model.predict(pd.DataFrame({"code": values[:1], "n": [3]})).tolist())


@pytest.mark.parametrize("text", ["None", "NA", "n/a"])
def test_what_stood_for_a_missing_cell_in_the_sample_does_so_in_csv_and_in_json(tmp_path, text):
    """In the sample "None" was missing, and in requests a category that the model had never seen."""
    X = pd.DataFrame({"city": ["Oslo", np.nan, "Rome"] * 20, "n": range(60)})
    fill = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    model = make_pipeline(make_column_transformer((fill, ["city"])), LogisticRegression())
    model.fit(X, X["city"].fillna("Oslo"))
    version = packed(tmp_path, model, X.fillna(text))
    assert columns(version)["city"]["missing_texts"] == (text,) or columns(version)["city"]["missing_texts"] == [text]
    answering = served(version)
    body = f"city,n\n{text},1\n".encode()
    answers = [
        answering.predict(rows, ["predict", "predict_proba"])
        for rows in ([{"city": None, "n": 1}], [{"city": text, "n": 1}])
    ]
    answers.append(
        answering.predict(decode("text/csv", body, answering.plan.columns, 9, 2**20), ["predict", "predict_proba"])
    )
    assert all(answer.outputs == answers[0].outputs and answer.warnings == () for answer in answers)


def month(F):
    return np.column_stack([F[name].dt.month for name in F])


def test_dates_in_a_csv_are_read_as_dates_where_the_model_takes_no_text(tmp_path):
    X = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=60, freq="D")})
    model = make_pipeline(FunctionTransformer(month), DecisionTreeRegressor()).fit(X, X["when"].dt.month)
    version = packed(tmp_path, model, X, trust=[month.__module__])
    assert columns(version)["when"]["kind"] == "datetime"
    assert any("were read as dates" in note for note in version.manifest.spec["notes"])


def lengths(F):
    return np.column_stack([F[name].str.len() for name in F])


def test_where_a_csv_cannot_say_it_the_message_names_what_can(tmp_path):
    X = pd.DataFrame({"hour": pd.to_timedelta(np.arange(9), unit="h"), "city": "Oslo"})
    model = FunctionTransformer(hours).fit(X)
    with pytest.raises(ValueError, match=r"cannot be served.*give the sample as Parquet \(X.to_parquet\)"):
        packed(tmp_path, model, X, trust=[hours.__module__])


def hours(F):
    return F[["hour"]].apply(lambda column: column.dt.total_seconds())


@pytest.mark.parametrize(
    ("content", "dialect", "told"),
    [
        (b"a,b\n1,2\n", Dialect(), ""),
        (b"a\n1\n", Dialect(), ""),
        (b"a;b\n1,5;2\n", Dialect("utf-8", ";", ",", "."), "separated by ';', with decimal commas"),
        (b"a;b\n1.5;2\n", Dialect("utf-8", ";"), "separated by ';'"),
        (b"a\tb\n1\t2\n", Dialect("utf-8", "\t"), "separated by tabs"),
        (b"a|b\nx, y|2\n", Dialect("utf-8", "|"), "separated by '|'"),
        (b'a,b\n"1,234.5",2\n', Dialect(thousands=","), "with commas between thousands"),
        (b'a,b\n"x; y",2\n"z",3\n', Dialect(), ""),
        ("é;b\nx;1\n".encode("cp1252"), Dialect("cp1252", ";"), "separated by ';', in cp1252"),
        ("a,b\né,1\n".encode("utf-16"), Dialect("utf-16"), "in utf-16"),
        ("\ufeffa,b\n1,2\n".encode(), Dialect("utf-8-sig"), ""),
    ],
)
def test_the_way_a_csv_is_written_is_recognised_and_named(content, dialect, told):
    assert recognise(content) == dialect
    assert recognise(content).unusual == told


def test_a_csv_of_another_country_is_read_for_what_it_says(tmp_path):
    X = pd.DataFrame({"größe": [1.5, 2.5, 1234.5, 4.0] * 5, "ort": ["Köln", "Ulm"] * 10})
    model = encoded(X, X["größe"] * 2, "ort")
    lines = ["größe;ort;ziel", *(f"{size:_.2f};{city};0" for size, city in X.itertuples(index=False))]
    text = "\n".join(lines).replace(".", ",").replace("_", ".")
    (tmp_path / "data.csv").write_bytes(text.encode("cp1252"))
    version = packed(tmp_path, model, None, target=["ziel"])
    assert "data.csv was read as separated by ';', in cp1252, with decimal commas" in version.manifest.spec["notes"]
    assert columns(version)["größe"]["maximum"] == 1234.5
    assert columns(version)["ort"]["categories"] == ["Köln", "Ulm"]


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_trees_that_know_their_categories_take_a_csv_of_them(tmp_path, library):
    """The sample was refused for its dtype, which no CSV can have."""
    trees = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(18, 80, 99), "home city": pd.Categorical(rng.choice(["Oslo", "Rome"], 99))})
    options = {"verbosity": -1} if library == "lightgbm" else {"enable_categorical": True}
    model = (trees.LGBMRegressor if library == "lightgbm" else trees.XGBRegressor)(n_estimators=5, **options)
    model.fit(X, X["age"] + 9 * (X["home city"] == "Oslo"))
    version = packed(tmp_path, model, X)
    assert columns(version)["home city"]["categories"] == ["Oslo", "Rome"]
    answers = served(version).predict(X.head(9).to_dict("records")).predictions
    assert answers == pytest.approx(model.predict(X.head(9)).tolist(), rel=1e-6)


def test_whole_numbers_stay_exact_in_every_format(tmp_path):
    """An id of 64 bits passed through a float in CSV, and was taken for its neighbor."""
    ids = [2**53, 2**53 + 1, 2**53 + 2]
    X = pd.DataFrame({"id": ids * 9})
    model = make_pipeline(OneHotEncoder(), LinearRegression()).fit(X, X["id"] - 2**53)
    answering = served(packed(tmp_path, model, X))
    assert answering.predict([{"id": each} for each in ids]).predictions == pytest.approx([0, 1, 2])
    body = "\n".join(["id", *map(str, ids)]).encode()
    table = decode("text/csv", body, answering.plan.columns, 9, 2**20)
    assert table["id"] == ids
    assert answering.predict(table).predictions == pytest.approx([0, 1, 2])

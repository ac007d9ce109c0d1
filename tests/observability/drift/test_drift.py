"""Drift is seen within a thousand rows, is not seen where there is none, and costs the caller nothing."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from service.app import create_app
from service.capabilities import TableCall
from service.models.stored_rows import PROFILE
from service.observability.drift.observer import Drift
from service.observability.metrics import Meter
from service.packing import pack
from service.settings import Settings

CITIES = ["Oslo", "Rome", "Bern"]


def people(rows, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "pay": rng.lognormal(8, 0.5, rows),
            "children": rng.poisson(1.2, rows),
            "city": rng.choice(CITIES, rows, p=[0.6, 0.3, 0.1]),
        }
    )


def records(frame):
    """The rows as a caller would write them, all digits of their numbers."""
    return json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    X = people(2000, 0)
    y = np.where(X["age"] + 10 * (X["city"] == "Oslo") > 45, "yes", "no")
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), (numbers, ["age", "pay", "children"])
    )
    pack(make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(X, y), X, y, name="people", store=store)
    return store


@pytest.fixture
def app(store):
    return create_app(Settings(store=store, workers=1))


def send(app, frame, rows=50):
    """Ask for a frame's rows, some at a time; those that are refused, too."""
    client = app.test_client()
    for start in range(0, len(frame), rows):
        body = {"instances": records(frame.iloc[start : start + rows])}
        assert client.post("/v1/models/people:predict", json=body).status_code in (200, 422)


def words(text):
    return " ".join(text.split())


def told(app):
    """{column or output: in what it has drifted}."""
    services = app.extensions["daylight"]
    report = services.drift.report(services.predictor.find("people"))
    return {found.feature.name: found.reasons for found in report.drifted}


def test_a_shift_of_one_deviation_is_seen_within_a_thousand_rows(app):
    send(app, people(3000, 1))
    assert not told(app)
    shifted = people(1000, 2)
    shifted["age"] += 10
    send(app, shifted)
    drifted = told(app)
    assert drifted.keys() - {"predict"} == {"age"}
    assert drifted["age"][0].startswith("PSI ")
    send(app, people(1100, 3))
    assert not told(app)


def test_a_new_category_is_seen_within_a_thousand_rows(app):
    send(app, people(2000, 1))
    new = people(1000, 2)
    new.loc[::20, "city"] = "Lima"
    send(app, new)
    assert told(app) == {"city": ["5.0% are of unknown categories"]}


def test_missing_cells_are_seen_within_a_thousand_rows(app):
    send(app, people(2000, 1))
    holes = people(1000, 2)
    holes.loc[::20, "age"] = None
    send(app, holes)
    assert told(app) == {"age": ["5.0% are missing, and 0.0% of the sample"]}


def test_numbers_out_of_range_are_seen(app):
    far = people(1000, 2)
    far.loc[::20, "pay"] = 1e6
    send(app, far)
    assert told(app) == {"pay": ["5.1% are outside the sample's range"]}  # one is larger by itself


def test_rows_that_are_refused_have_drifted_as_well(app):
    """The model takes no row without children: a caller who sends none is refused, and shall be seen."""
    send(app, people(2000, 1))
    holes = people(1000, 2).astype({"children": object})
    holes.loc[::20, "children"] = None
    send(app, holes, rows=1)
    assert told(app) == {"children": ["5.0% are missing, and 0.0% of the sample"]}
    services = app.extensions["daylight"]
    report = services.drift.report(services.predictor.find("people"))
    assert report.rows >= 1000


def test_a_column_that_all_rows_lack_is_missing_in_each(app):
    send(app, people(1000, 2).drop(columns="children"))
    assert told(app) == {"children": ["100.0% are missing, and 0.0% of the sample"]}


def test_traffic_like_the_sample_raises_nothing_in_a_hundred_thousand_rows(tmp_path):
    """Thirty columns of several distributions, looked at after each thousand rows."""
    rng = np.random.default_rng(0)

    def rows(count):
        columns = [rng.normal(size=(count, 10)), rng.lognormal(size=(count, 10)), rng.poisson(2, (count, 10))]
        return np.column_stack(columns)

    X = rows(1000)
    y = np.where(X[:, 0] + rng.normal(size=1000) > 0, "yes", "no")
    pack(RandomForestClassifier(10, random_state=0).fit(X, y), X, y, name="forest", store=tmp_path)
    services = create_app(Settings(store=tmp_path)).extensions["daylight"]
    model = services.predictor.find("forest")
    for _ in range(100):
        answer = model.run(TableCall(rows(1000), ["predict", "predict_proba"]))
        services.drift.answered(model, None, answer, None)
        assert not services.drift.report(model).drifted


def test_metrics_tell_it(app):
    shifted = people(1000, 2)
    shifted["age"] += 20
    send(app, shifted)
    text = app.test_client().get("/metrics").text
    assert 'daylight_drift_counted_rows_total{model="people"} 1000.0' in text
    assert 'daylight_drift_rows{model="people"} 1000.0' in text
    assert 'daylight_drift_features{model="people",of="column"} 1.0' in text
    assert 'daylight_drift_psi{model="people",name="age",of="column"} ' in text
    assert 'daylight_drift_missing_ratio{column="age",model="people"} 0.0' in text
    assert 'daylight_drift_strange_ratio{column="age",model="people"} 0.' in text


def test_admins_read_it_as_json_and_on_the_operations_page(app):
    client = app.test_client()
    assert "Drift in the last 0 rows: too few to say" in words(client.get("/operations").text)
    send(app, people(1000, 1))
    assert "Drift in the last 1,000 rows: none" in words(client.get("/operations").text)
    shifted = people(1000, 2)
    shifted["age"] += 10
    send(app, shifted)
    told = client.get("/operations/models/people/drift").json
    assert (told["model"], told["version"], told["rows"], told["window"]) == ("people", "1", 1000, 1000)
    assert "age" in told["drifted"]
    (age,) = [feature for feature in told["features"] if feature["name"] == "age"]
    assert age["of"] == "column"
    assert age["drifted"][0].startswith("PSI ")
    assert sum(each["share"] for each in age["bins"]) == pytest.approx(1, abs=1e-4)
    assert f"age ({age['drifted'][0]}" in words(client.get("/operations").text)


def test_why_it_is_not_measured_is_told(store, tmp_path):
    client = create_app(Settings(store=store, drift_rows=0)).test_client()
    answer = client.get("/operations/models/people/drift")
    assert (answer.status_code, answer.json["error"]) == (
        400,
        "drift of people version 1 is not measured: DAYLIGHT_DRIFT_ROWS is 0",
    )
    assert "Drift in the last" not in client.get("/operations").text
    pack(LinearRegression().fit(*load_iris(return_X_y=True)), name="bare", store=tmp_path)
    answer = create_app(Settings(store=tmp_path)).test_client().get("/operations/models/bare/drift")
    assert answer.status_code == 400
    assert "pack it again" in answer.json["error"]


def test_few_rows_say_nothing(app):
    shifted = people(150, 2)
    shifted["age"] += 100
    send(app, shifted)
    assert not told(app)


def test_it_can_be_switched_off(store):
    app = create_app(Settings(store=store, drift_rows=0))
    send(app, people(200, 1))
    text = app.test_client().get("/metrics").text
    assert not [line for line in text.splitlines() if line.startswith("daylight_drift")]


def test_a_version_without_a_profile_is_served_as_ever(tmp_path):
    pack(LinearRegression().fit(*load_iris(return_X_y=True)), name="bare", store=tmp_path)
    app = create_app(Settings(store=tmp_path))
    client = app.test_client()
    assert client.post("/v1/models/bare:predict", json={"instances": [[1.0, 2.0, 3.0, 4.0]]}).status_code == 200
    assert client.post("/v1/models/bare:predict", json={"instances": [["x", 2.0, 3.0, 4.0]]}).status_code == 422
    services = app.extensions["daylight"]
    assert services.drift.report(services.predictor.find("bare")) is None
    assert "daylight_drift_rows{" not in client.get("/metrics").text


def test_a_model_that_writes_into_its_rows_is_not_measured(tmp_path, caplog):
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(copy=False), KNeighborsClassifier()).fit(X.copy(), y)
    pack(pipeline, X.copy(), y, name="scaled", store=tmp_path, runtime="sklearn")
    services = create_app(Settings(store=tmp_path)).extensions["daylight"]
    assert services.drift.report(services.predictor.find("scaled")) is None
    assert "changes the rows that it gets: drift cannot be measured" in caplog.text


TEXTS = ["good", "very good", "bad", "not good at all"] * 20


@pytest.mark.parametrize("runtime", ["auto", "sklearn"])
@pytest.mark.parametrize("of", ["frame", "texts", "dates"])
def test_whatever_a_model_gets_its_sample_is_counted_as_itself(tmp_path, of, runtime):
    """A table read by the server falls into the bins into which packing put it, in every container."""
    if of == "texts":
        X, y = pd.Series(TEXTS, name="text"), [0, 0, 1, 1] * 20
        estimator = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(X, y)
    else:
        X = people(300, 0).astype({"city": "category"})
        X.loc[::3, "age"] = np.nan
        X["known"] = X["age"] > 30
        if of == "dates":
            X["since"] = pd.date_range("2020-01-01", periods=300, freq="D")
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        encode = make_column_transformer((OneHotEncoder(), ["city"]), (numbers, ["age", "pay", "children", "known"]))
        y = (X["pay"] > 3000).to_numpy()
        estimator = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(X, y)
    pack(estimator, X, y, name="one", store=tmp_path, runtime=runtime)
    app = create_app(Settings(store=tmp_path, workers=1))
    services = app.extensions["daylight"]
    model = services.predictor.find("one")
    assert model.manifest.spec[PROFILE] == {"file": "profile.json", "rows": len(X)}
    rows = [{"text": text} for text in X] if of == "texts" else records(X)
    for start in range(0, len(rows), 7):
        body = {"instances": rows[start : start + 7], "outputs": list(model.outputs)}
        answer = app.test_client().post("/v1/models/one:predict", json=body)
        assert answer.status_code == 200, answer.text
    findings = services.drift.report(model).findings
    assert {found.feature.name for found in findings} >= set(model.plan.names)
    for found in findings:
        assert found.rows == len(X)
        assert found.missing == pytest.approx(found.feature.missing / len(X))
        assert found.strange == 0
        np.testing.assert_allclose(found.shares, found.expected, atol=0.01)


def test_of_a_large_table_rows_evenly_spread_are_counted(store):
    services = create_app(Settings(store=store, workers=1)).extensions["daylight"]
    model = services.predictor.find("people")
    answer = model.run(TableCall(records(people(5000, 1)), ["predict", "predict_proba"]))
    services.drift.answered(model, None, answer, None)
    report = services.drift.report(model)
    assert report.rows == 1000
    assert not report.drifted


def test_what_comes_faster_than_it_is_counted_is_skipped_and_told(store, tmp_path):
    """With a thread that counts, a full list is not counted in the request's own time."""
    model = create_app(Settings(store=store)).extensions["daylight"].predictor.find("people")
    meter = Meter(str(tmp_path))
    drift = Drift(str(tmp_path / "drift"), 200, 1, meter)
    drift.threaded = True
    answer = model.run(TableCall(records(people(100, 1))))
    for _ in range(5):
        drift.answered(model, None, answer, None)
    assert drift.report(model).rows == 200
    text = meter.exposition().decode()
    assert 'daylight_drift_counted_rows_total{model="people"} 200.0' in text
    assert 'daylight_drift_skipped_rows_total{model="people"} 300.0' in text


def test_a_folder_without_room_is_logged_once_and_hurts_nobody(store, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    app = create_app(Settings(store=store))
    services = app.extensions["daylight"]
    services.drift.folder = str(tmp_path / "file" / "drift")
    for seed in range(3):
        send(app, people(50, seed))
        services.drift.count()
    assert caplog.text.count("rows are not counted for drift") == 1

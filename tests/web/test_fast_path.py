"""The fast path and Flask give the same answer to every request: status, headers and body."""

import gzip
import json
import re

import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from service.app import create_app
from service.errors import DeadlineExceeded, ModelNotReady, Overloaded, PredictionFailed
from service.packing import pack
from service.predictor import Predictor
from service.settings import Settings
from service.web.middleware import Middleware
from tests.support.tiny_text import pack_tiny
from tests.support.ways import NativeClient, OnlyFastPath, OnlyFlask, rewired

ROW = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2}
V1 = "/v1/models/iris:predict"
TEXT = "/v1/models/tiny:predict"
V2 = "/v2/models/iris/infer"
TENSOR = {"name": "x", "datatype": "FP64", "shape": [1, 4], "data": list(ROW.values())}
WORDS = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["ab"]}
CSV = ",".join(ROW) + "\n5.1,3.5,1.4,0.2\n"
LIMIT = 50_000
ID = {"X-Request-ID": "given-by-the-caller"}
GREEDY = {"temperature": 0, "max_tokens": 4}


MOODS = {
    "loading": ModelNotReady("the models are being loaded", retry_after=2),
    "busy": Overloaded("too much waits", retry_after=3),
    "late": DeadlineExceeded("too late"),
    "failing": PredictionFailed("the model failed"),
    "broken": KeyError("a secret of the server"),
}


class MoodyPredictor(Predictor):
    """Fails for some names of models as a real one does in bad moments."""

    def find(self, name, version=None):
        if name in MOODS:
            raise MOODS[name]
        return super().find(name, version)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    X, y = load_iris(return_X_y=True, as_frame=True)
    for depth in (1, 2):
        pack(DecisionTreeClassifier(max_depth=depth).fit(X, y), X, y, name="iris", store=store)
    pack_tiny(store)
    return store


def loaded(store):
    predictor = MoodyPredictor(Settings(store=store, max_body_bytes=LIMIT, max_rows=20))
    predictor.load()
    return predictor


@pytest.fixture(scope="module")
def native(store):
    predictor = loaded(store)
    return NativeClient(create_app(predictor.settings, predictor))


@pytest.fixture(scope="module")
def ways(store):
    """{name: a test client}, three applications over one predictor."""
    predictor = loaded(store)
    middlewares = {"flask": OnlyFlask, "fast": OnlyFastPath, "as served": Middleware}
    return {
        name: rewired(create_app(predictor.settings, predictor), middleware, predictor.settings).test_client()
        for name, middleware in middlewares.items()
    }


def table(rows=1, **more):
    return {"json": {"instances": [ROW] * rows, **more}}


def raw(body, content_type="application/json", **more):
    return {"data": body, "content_type": content_type, **more}


HOT = [
    ("one row", V1, table()),
    ("the caller's id", V1, table() | {"headers": ID}),
    ("an id that could forge a log line", V1, table() | {"headers": {"X-Request-ID": "a b<script>"}}),
    ("outputs", V1, table(2, outputs=["predict", "predict_proba"])),
    ("top_k", V1, table(2, outputs=["predict_proba"], top_k=1)),
    ("columns", V1, {"json": {"inputs": {name: [value] for name, value in ROW.items()}}}),
    ("a version", "/v1/models/iris/versions/1:predict", table()),
    ("no such version", "/v1/models/iris/versions/9:predict", table()),
    ("no such model", "/v1/models/absent:predict", table()),
    ("no such model, and no JSON", "/v1/models/absent:predict", raw(b"<x/>", "text/xml")),
    ("an ignored column", V1, {"json": {"instances": [ROW | {"extra": 1}]}}),
    ("a missing column", V1, {"json": {"instances": [{"sepal length (cm)": 1}]}}),
    ("a text for a number", V1, {"json": {"instances": [ROW | {"petal width (cm)": "0.2"}]}}),
    ("violations by the hundred", V1, {"json": {"instances": [[None] * 4] * 20}}),
    ("too many rows", V1, table(21)),
    ("no rows", V1, {"json": {"instances": []}}),
    ("an unknown key", V1, table(surprise=1)),
    ("an unknown output", V1, table(outputs=["nonsense"])),
    ("bare NaN", V1, raw(json.dumps({"instances": [ROW | {"petal width (cm)": float("nan")}]}))),
    ("no media type", V1, {"data": json.dumps(table()["json"])}),
    ("curl's media type", V1, raw(json.dumps(table()["json"]), "application/x-www-form-urlencoded")),
    ("a charset", V1, raw(json.dumps(table()["json"]), "application/json; charset=utf-8")),
    ("a +json media type", V1, raw(json.dumps(table()["json"]), "application/vnd.api+json")),
    ("a wrong media type", V1, raw(b"<x/>", "text/xml")),
    ("an empty body", V1, raw(b"")),
    ("half of JSON", V1, raw(b'{"instances": [')),
    ("no text at all", V1, raw(b"\xff\xfe\x00")),
    ("deep JSON", V1, raw(b"[" * 40_000)),
    ("a body of the limit", V1, raw(b" " * LIMIT)),
    ("a body beyond the limit", V1, raw(b" " * (LIMIT + 1))),
    ("a wrong length", V1, raw(b"{}", environ_overrides={"CONTENT_LENGTH": "two"})),
    ("no length, an unending stream", V1, raw(b"{}", environ_overrides={"CONTENT_LENGTH": ""})),
    ("chunked", V1, raw(b"{}", environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True})),
    (
        "chunked beyond the limit",
        V1,
        raw(b" " * (LIMIT + 1), environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True}),
    ),
    ("not ready", "/v1/models/loading:predict", table()),
    ("overloaded", "/v1/models/busy:predict", table()),
    ("too late", "/v1/models/late:predict", table()),
    ("a failed prediction", "/v1/models/failing:predict", table()),
    ("our own fault", "/v1/models/broken:predict", table()),
    ("a text", TEXT, {"json": {"instances": ["ab", {"text": "ba"}], "parameters": GREEDY}}),
    ("a text with wrong parameters", TEXT, {"json": {"instances": ["ab"], "parameters": {"top_p": 7}}}),
    ("a table for a text model", TEXT, table()),
    ("a query on V1", V1 + "?verbose=1", table()),
    ("the article's table", "/predict", {"json": {"data": [ROW, ROW]}}),
    ("the article's record", "/predict", {"json": ROW}),
    ("the article's text", "/predict", {"json": {"text": "AB", **GREEDY}}),
    ("the article's wrong cell", "/predict", {"json": [ROW | {"petal width (cm)": None}]}),
    ("the article's broken body", "/predict", raw(b"{")),
    ("the article's large body", "/predict", raw(b" " * (LIMIT + 1))),
    ("the article's wrong media type", "/predict", raw(b"<x/>", "text/xml")),
    ("the article's number", "/predict", raw(b"7")),
    ("a table of CSV", V1, raw(CSV, "text/csv")),
    ("a table of CSV, and the outputs", V1 + "?outputs=predict_proba&top_k=1", raw(CSV, "text/csv")),
    ("a wrong query", V1 + "?output=predict", raw(CSV, "text/csv")),
    ("an answer of CSV", V1, table(2) | {"headers": {"Accept": "text/csv"}}),
    ("an answer of numpy", V1, table(2) | {"headers": {"Accept": "application/x-npy"}}),
    ("an answer that there is not", V1, table() | {"headers": {"Accept": "text/html"}}),
    ("an error where CSV is accepted", V1, table(21) | {"headers": {"Accept": "text/csv"}}),
    ("gzip", V1, raw(gzip.compress(b'{"instances": [[1, 2, 3, 4]]}'), headers={"Content-Encoding": "gzip"})),
    ("no gzip", V1, raw(b"{}", headers={"Content-Encoding": "gzip"})),
    ("another coding", V1, raw(b"{}", headers={"Content-Encoding": "br"})),
    ("V2", V2, {"json": {"inputs": [TENSOR], "id": "mine"}}),
    ("V2 by version", "/v2/models/iris/versions/1/infer", {"json": {"inputs": [TENSOR], "id": "mine"}}),
    ("V2 in binary", V2, {"json": {"inputs": [TENSOR], "id": "mine", "parameters": {"binary_data_output": True}}}),
    ("V2's texts", "/v2/models/tiny/infer", {"json": {"inputs": [WORDS], "id": "mine", "parameters": GREEDY}}),
    ("V2's violations", V2, {"json": {"inputs": [TENSOR | {"data": ["a", None, 1, 2]}]}}),
    ("V2's faults", V2, {"json": {"inputs": [TENSOR | {"shape": [1, 5]}]}}),
    ("V2 of no model", "/v2/models/absent/infer", {"json": {"inputs": [TENSOR]}}),
    ("V2 of a wrong media type", V2, raw(b"<x/>", "text/xml")),
    ("MLflow", "/invocations", {"json": {"dataframe_records": [ROW]}}),
    ("MLflow by name", "/endpoints/iris/invocations", {"json": {"inputs": [list(ROW.values())]}}),
    ("MLflow's texts", "/endpoints/tiny/invocations", {"json": {"inputs": ["ab"], "params": GREEDY}}),
    ("MLflow's CSV", "/invocations", raw(CSV, "text/csv")),
    ("MLflow's bare list", "/invocations", {"json": [ROW]}),
    ("MLflow's wrong endpoint", "/endpoints/absent/invocations", {"json": {"inputs": [[1]]}}),
]
OTHERS = [
    ("a query", "POST", "/predict?text=", {}),
    ("a query without text", "POST", "/predict?x=1", {"json": ROW}),
    ("GET", "GET", "/predict", {}),
    ("OPTIONS", "OPTIONS", V1, {}),
    ("a wrong method", "PUT", V1, table()),
    ("a wrong verb", "POST", "/v1/models/iris:explain", table()),
    ("a slash too many", "POST", V1 + "/", table()),
    ("a colon too many", "POST", "/v1/models/iris:predict:predict", table()),
    ("a percent", "POST", "/v1/models/iris%3Apredict", table()),
    ("a newline", "POST", "/v1/models/iris%0A:predict", table()),
    ("another script", "POST", "/v1/models/%C3%A4:predict", table()),
    ("liveness", "GET", "/health/live", {}),
]


def told(answer):
    """Everything of an answer that must be the same both ways."""
    headers = dict(answer.headers)
    given = headers["X-Request-ID"]
    if given != ID["X-Request-ID"]:
        assert re.fullmatch(r"[0-9a-f]{32}", given)
        headers["X-Request-ID"] = "made here"
    timing = headers.pop("Server-Timing", "")
    return answer.status, headers, re.sub(r"=[0-9.]+", "", timing), answer.data.replace(given.encode(), b"made here")


@pytest.mark.parametrize(("path", "request_"), [case[1:] for case in HOT], ids=[case[0] for case in HOT])
def test_both_ways_give_the_same_answer(ways, path, request_):
    flask, fast, served = (told(client.post(path, **request_)) for client in ways.values())
    assert fast == flask
    assert served == flask


# Of these the worker asks gunicorn, which refuses them or hands them to WSGI.
NOT_NATIVE = {
    "a wrong length",
    "no length, an unending stream",
    "chunked",
    "chunked beyond the limit",
    "a body beyond the limit",
    "the article's large body",
}


@pytest.mark.parametrize("name", [case[0] for case in HOT if case[0] not in NOT_NATIVE])
def test_without_wsgi_it_is_the_same_answer(ways, native, name):
    (path, request_) = next(case[1:] for case in HOT if case[0] == name)
    wanted, found = told(ways["fast"].post(path, **request_)), told(native.post(path, **request_))
    connection = {"Connection": "keep-alive", "Server": "gunicorn", "Date": found[1]["Date"]}
    assert found == (wanted[0], wanted[1] | connection, *wanted[2:])


def test_together_they_are_the_same_answers(ways, native, monkeypatch):
    """Requests of one turn of a worker's loop: rows that share a call of their model, among all others."""
    predictor, sizes = native.direct.middleware.services.predictor, []
    run_together = predictor.run_together

    def counted(model, calls):
        answers = run_together(model, calls)
        sizes.append(len(answers))  # none, where they would have to be run one by one
        return answers

    monkeypatch.setattr(predictor, "run_together", counted)
    cases = [case[1:] for case in HOT if case[0] not in NOT_NATIVE]
    cases += [(V1, table(number)) for number in range(1, 9)]
    for (path, request_), answer in zip(cases, native.post_together(cases), strict=True):
        wanted = told(ways["fast"].post(path, **request_))
        connection = {"Connection": "keep-alive", "Server": "gunicorn", "Date": answer.headers["Date"]}
        assert told(answer) == (wanted[0], wanted[1] | connection, *wanted[2:])
    assert max(sizes) >= 8


def test_where_they_fail_together_each_has_its_own_answer(native, monkeypatch):
    """One request's rows once could have made another one's answer an error."""
    model = native.direct.middleware.services.predictor.find("iris")
    run = model.runtime.run

    def run_few(X, *rest):
        if len(X) > 3:
            raise RuntimeError("too many rows")
        return run(X, *rest)

    monkeypatch.setattr(model.runtime, "run", run_few)
    answers = native.post_together([(V1, table(2)), (V1, table(2)), (V1, table(20)), (V1, table(1))])
    assert [answer.status_code for answer in answers] == [200, 200, 500, 200]
    assert [len(answer.json.get("predictions", ())) for answer in answers] == [2, 2, 0, 1]


@pytest.mark.parametrize(
    ("method", "path", "request_"), [case[1:] for case in OTHERS], ids=[case[0] for case in OTHERS]
)
def test_whatever_else_is_flask_s(ways, method, path, request_):
    assert told(ways["as served"].open(path, method=method, **request_)) == told(
        ways["flask"].open(path, method=method, **request_)
    )


def test_the_cases_cover_every_status(ways):
    seen = {ways["fast"].post(path, **request_).status_code for _, path, request_ in HOT}
    assert seen == {200, 400, 404, 406, 413, 415, 422, 429, 500, 503, 504}


def test_our_own_fault_is_told_to_the_log_alone(ways, caplog):
    answer = ways["fast"].post("/v1/models/broken:predict", **table())
    assert b"secret" not in answer.data
    assert "secret" in caplog.text
    assert answer.headers["X-Request-ID"] in caplog.text


def test_a_body_that_breaks_off_is_the_caller_s_fault(ways):
    class Broken:
        def read(self, size):
            raise ConnectionResetError("gone")

    for client in ways.values():
        answer = client.post(V1, environ_overrides={"wsgi.input": Broken(), "CONTENT_LENGTH": "7"})
        assert (answer.status_code, answer.json["code"]) == (400, "bad_request")


@pytest.mark.parametrize("way", ["flask", "fast"])
def test_server_timing_tells_where_the_time_went(ways, way):
    answer = ways[way].post(V1, **table(20))
    stops = dict(re.findall(r"(\w+);dur=([0-9.]+)", answer.headers["Server-Timing"]))
    assert list(stops) == ["parse", "check", "queue", "predict", "encode"]
    assert float(stops["queue"]) == 0  # nobody else was there
    assert all(0 < float(stops[name]) < 1000 for name in ("parse", "check", "predict", "encode"))
    assert "Server-Timing" not in ways[way].post(V1, data=b"{").headers


@pytest.mark.parametrize("way", ["flask", "fast"])
@pytest.mark.parametrize(
    ("path", "status", "model"), [(V1, 200, "iris"), ("/v1/models/absent:predict", 404, "-"), ("/predict", 200, "iris")]
)
def test_one_line_a_request(ways, caplog, way, path, status, model):
    with caplog.at_level("INFO", "service.requests"):
        ways[way].post(path, json={"instances": [ROW]} if path != "/predict" else ROW, headers=ID)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "service.requests"]
    pattern = rf"POST {re.escape(path)} {status} [0-9.]+ms model={model} id=given-by-the-caller"
    assert re.fullmatch(pattern, line), line


def test_what_a_url_holds_cannot_write_lines_of_its_own(ways, caplog):
    with caplog.at_level("INFO", "service.requests"):
        ways["as served"].get("/a%0AGET%20/forged%1B%5B31m%C2%85")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "service.requests"]
    assert line.isprintable()
    assert line.startswith(r"GET /a\nGET /forged\x1b[31m")

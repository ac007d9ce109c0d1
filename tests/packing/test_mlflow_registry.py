"""A registry of MLflow, as its REST API answers: what is packed from it, and what is refused in a sentence."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from service.packing.mlflow_folder import registered_as
from service.packing.mlflow_registry import brought, parse

ROOT = "1/models/m-7/artifacts"
FILES = {"MLmodel": b"flavors: {}", "data/model.pkl": b"a model", "data/deep/er.txt": b"x"}


class Registry(BaseHTTPRequestHandler):
    """`churn` has a version 3, which is the champion."""

    files = FILES
    uri = f"mlflow-artifacts:/{ROOT}"
    user = ""

    def do_GET(self):
        path, asked = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        given = self.headers.get("Authorization", "")
        if self.user and given != f"Basic {base64.b64encode(self.user.encode()).decode()}":
            return self.answer(401, {"message": "who are you?"})
        route = path.removeprefix("/api/2.0/")
        if route.startswith("mlflow-artifacts/artifacts/"):
            name = unquote(route.removeprefix(f"mlflow-artifacts/artifacts/{ROOT}/"))
            return self.answer(200, self.files[name])
        if route == "mlflow-artifacts/artifacts":
            return self.answer(200, {"files": self.listed(asked["path"][0].removeprefix(ROOT).strip("/"))})
        if asked["name"] != ["churn"] or asked.get("version", ["3"]) != ["3"]:
            return self.answer(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "there is no such model"})
        if route == "mlflow/model-versions/get-download-uri":
            return self.answer(200, {"artifact_uri": self.uri})
        return self.answer(200, {"model_version": {"name": "churn", "version": "3", "run_id": "r1"}})

    def listed(self, below):
        """The files and folders right below a folder, by their own names."""
        inside = [name[len(below) :].lstrip("/") for name in self.files if name.startswith(below)]
        return [{"path": name, "is_dir": any(each.startswith(f"{name}/") for each in inside)} for name in heads(inside)]

    def answer(self, status, told):
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *told):
        pass


def heads(names):
    return sorted({name if name.startswith("..") else name.partition("/")[0] for name in names})


@pytest.fixture
def registry():
    """registry(uri=..., ...): what the environment says of a server of this class, changed so."""
    servers = []

    def started(**changed):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Changed", (Registry,), changed))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{server.server_port}"}

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("reference", ["models:/churn/3", "models:/churn@champion"])
def test_a_model_comes_with_all_its_files_and_says_where_from(registry, reference):
    environment = registry()
    with brought(parse(reference), environment) as folder:
        assert folder.name == "churn"
        for name, content in FILES.items():
            assert (folder / name).read_bytes() == content
        told = registered_as(folder)
    assert not folder.exists()
    assert (told["model_name"], told["model_version"], told["run_id"]) == ("churn", "3", "r1")
    assert told["tracking_uri"] == environment["MLFLOW_TRACKING_URI"]
    assert told.get("alias") == ("champion" if "@" in reference else None)


def test_who_asks_is_said(registry):
    environment = registry(user="ada:secret")
    with pytest.raises(ValueError, match="answers 401: who are you"), brought(parse("models:/churn/3"), environment):
        pass
    environment |= {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "secret"}
    with brought(parse("models:/churn/3"), environment) as folder:
        assert (folder / "MLmodel").exists()


@pytest.mark.parametrize(
    ("reference", "changed", "told"),
    [
        ("models:/other/3", {}, "answers 404: there is no such model"),
        ("models:/churn/4", {}, "answers 404: there is no such model"),
        ("models:/churn/3", {"uri": "dbfs:/somewhere"}, "files are at dbfs:/somewhere, where they cannot be had"),
        ("models:/churn/3", {"uri": "file:///somewhere"}, "files are at file:///somewhere, where they cannot be had"),
        ("models:/churn/3", {"files": {"../../evil": b"x"}}, r"names the file \.\./\.\./evil, which lies outside"),
        ("models:/churn/3", {"listed": lambda *_: 7 / 0}, "cannot be reached"),
        ("models:/churn/3", {"answer": lambda self, *_: Registry.answer(self, 200, b"<html>")}, "answers .* no JSON"),
    ],
)
def test_what_cannot_be_brought_is_told_in_a_sentence(registry, reference, changed, told, capsys):
    with pytest.raises(ValueError, match=told) as caught, brought(parse(reference), registry(**changed)):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["models:/churn", "models:/churn/", "models:/churn/latest", "models:/@x", "models:/"])
def test_what_is_no_reference_is_told(text):
    with pytest.raises(ValueError, match="expected models:/NAME/3 or models:/NAME@ALIAS"):
        parse(text)


@pytest.mark.parametrize("uri", ["", "sqlite:///mlflow.db", "databricks"])
def test_a_registry_is_asked_over_http(uri):
    with (
        pytest.raises(ValueError, match="has to be the URL of a tracking server"),
        brought(parse("models:/churn/3"), {"MLFLOW_TRACKING_URI": uri}),
    ):
        pass

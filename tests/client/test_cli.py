"""The client's command line, against the tiny server."""

import codecs
import json
import subprocess
import sys

import pytest

from benchmarks.support.serving import ROOT
from client import Client
from client.__main__ import main
from tests.support.client_server import Answer, answering, ok

ENTRIES = [
    {"id": "m", "kind": "tabular", "version": "1", "default": True},
    {"id": "t", "kind": "text_generation", "version": "2", "default": False},
]
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def predict(request):
    """For JSON, each row is its own prediction; for CSV, the predictions are fixed."""
    if request.headers["Content-Type"] == "text/csv":
        answer = {"predictions": ["yes", "no"], "model_name": "m", "model_version": "1"}
        return ok(answer | ({"outputs": {"predict": ["yes", "no"]}} if "outputs=" in request.path else {}))
    call = json.loads(request.body)
    rows = call.get("instances") or [
        dict(zip(call["inputs"], row, strict=True)) for row in zip(*call["inputs"].values(), strict=True)
    ]
    answer = {"predictions": rows, "model_name": "m", "model_version": "1"}
    if "outputs" in call:
        answer["outputs"] = {"predict": ["\u00e9"] * len(rows), "predict_proba": [{"\u00e9": 1.0}] * len(rows)}
        answer["warnings"] = ["ignored: 'index'"]
    return ok(answer)


def complete(request):
    (prompt,) = json.loads(request.body)["instances"]
    prediction = {"text": f"<{prompt}>", "finish_reason": "stop", "usage": USAGE}
    return ok({"predictions": [prediction], "model_name": "t", "model_version": "2"})


@pytest.fixture
def server():
    routes = {
        "GET /v1/models": ok({"data": ENTRIES}),
        "POST /v1/models/m:predict": predict,
        "POST /v1/models/m/versions/2:predict?outputs=predict%2Cpredict_proba&top_k=1": predict,
        "POST /v1/models/t:predict": complete,
    }
    with answering(routes) as server:
        yield server


@pytest.fixture
def run(server, capsys):
    """Run a command against the server: (exit code, standard output, standard error)."""

    def run(command, *arguments):
        code = main([command, "--url", server.url, *map(str, arguments)])
        return (code, *capsys.readouterr())

    return run


def file(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_is_sent_unchanged_with_its_options_in_the_query(run, server, tmp_path):
    content = "\ufeffage,city\r\n31,Rome\r\n\r\n,x\r\n".encode()
    rows = file(tmp_path, "rows.csv", content)
    assert run("predict", rows) == (0, '"yes"\n"no"\n', "")
    code, out, _ = run("predict", rows, "--outputs", "predict,predict_proba", "--top-k", 1, "--model-version", 2)
    assert (code, out) == (0, '{"predict": "yes"}\n{"predict": "no"}\n')
    plain, chosen = (request for request in server.requests if request.method == "POST")
    assert (plain.path, plain.body, plain.headers["Content-Type"]) == ("/v1/models/m:predict", content, "text/csv")
    assert chosen.path == "/v1/models/m/versions/2:predict?outputs=predict%2Cpredict_proba&top_k=1"
    assert chosen.body == content


@pytest.mark.parametrize(
    "content",
    [
        '[{"age": 31}, {"age": NaN}]',
        '{"data": [{"age": 31}, {"age": null}]}',
        '{"instances": [{"age": 31}, {"age": null}]}',
        '{"inputs": {"age": [31, null]}}',
        '{"age": [31, null]}',
        '{"age": {"0": 31, "1": null}}',
    ],
    ids=["records", "data", "instances", "inputs", "columns", "to_json"],
)
def test_json_file_may_hold_rows_in_every_form(run, tmp_path, content):
    code, out, _ = run("predict", file(tmp_path, "rows.json", content))
    assert code == 0
    assert out == '{"age": 31}\n{"age": null}\n'


def test_outputs_option_prints_objects_and_warnings_go_to_stderr(run, server, tmp_path):
    rows = file(tmp_path, "rows.json", "[[1], [2]]")
    code, out, err = run("predict", rows, "--outputs", "predict,predict_proba", "--top-k", 1, "--model", "m")
    assert code == 0
    assert out == '{"predict": "\u00e9", "predict_proba": {"\u00e9": 1.0}}\n' * 2
    assert err == "daylight-client: ignored: 'index'\n"
    sent = json.loads(server.requests[-1].body)
    assert sent == {"instances": [[1], [2]], "outputs": ["predict", "predict_proba"], "top_k": 1}


@pytest.mark.parametrize(
    ("name", "content", "prompt"),
    [
        ("text.json", '{"text": "Once"}', "Once"),
        ("text.json", '"Once"', "Once"),
        ("text.txt", "Once\nupon", "Once\nupon"),
    ],
    ids=["object", "string", "plain"],
)
def test_generate_reads_json_and_text_files(run, tmp_path, name, content, prompt):
    assert run("generate", "--model", "t", "--file", file(tmp_path, name, content)) == (0, f"<{prompt}>\n", "")


def test_generate_sends_its_sampling_options(run, server):
    options = ["--max-tokens", 5, "--temperature", 0, "--seed", 7, "--stop", "a", "--stop", "b", "--model-version", 2]
    server.routes["POST /v1/models/t/versions/2:predict"] = complete
    assert run("generate", "Once", "--model", "t", *options)[:2] == (0, "<Once>\n")
    parameters = json.loads(server.requests[-1].body)["parameters"]
    assert parameters == {"max_tokens": 5, "temperature": 0.0, "seed": 7, "stop": ["a", "b"]}


def test_models_command_marks_the_default(run):
    code, out, _ = run("models")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["m*", "tabular", "version", "1"],
        ["t", "text_generation", "version", "2"],
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.json", b'["\xe9"]', "rows.json is not UTF-8: invalid continuation byte at byte 2"),
        ("rows.json", '[{"a": 1', "rows.json is not JSON: "),
        ("rows.json", "7", "rows.json holds neither a list of rows nor an object"),
        ("rows.json", '[{"a": Infinity}]', "infinity"),
    ],
)
def test_invalid_json_file_is_exit_code_2(run, tmp_path, name, content, message):
    code, out, err = run("predict", file(tmp_path, name, content))
    assert (code, out) == (2, "")
    assert err.startswith("daylight-client: ")
    assert message in err


def test_empty_csv_is_sent_and_the_refusal_is_exit_code_1(run, server, tmp_path):
    server.routes["POST /v1/models/m:predict"] = Answer(422, b'{"error": "no rows"}')
    assert run("predict", file(tmp_path, "rows.csv", "")) == (1, "", "daylight-client: no rows (422)\n")


def test_missing_file_and_invalid_prompt_are_exit_code_2(run, tmp_path):
    for arguments, message in [
        (("predict", tmp_path / "absent.csv"), "No such file"),
        (("generate", "--model", "t", "--file", file(tmp_path, "text.json", "[]")), "neither a string nor"),
    ]:
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert message in err


@pytest.mark.parametrize("arguments", [[], ["predict"], ["generate"], ["generate", "x", "--file", "y"], ["unknown"]])
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: daylight-client" in capsys.readouterr().err


def test_refusals_are_exit_code_1_and_failures_exit_code_3(run, server):
    server.routes["POST /v1/models/t:predict"] = Answer(422, b'{"error": "too long", "code": "invalid_parameters"}')
    assert run("generate", "x", "--model", "t") == (1, "", "daylight-client: too long (422, invalid_parameters)\n")
    assert run("generate", "x")[0] == 1  # t is not the default
    for status in (429, 500, 502, 503):
        server.routes["POST /v1/models/t:predict"] = Answer(status, b"<h1>no</h1>")
        code, out, err = run("generate", "x", "--model", "t")
        assert (code, out) == (3, "")
        assert f"({status})" in err


@pytest.mark.parametrize("url", ["127.0.0.1:1200", "ftp://host", "http://", "", "http:///v1"])
def test_invalid_url_is_refused_before_any_request(url, capsys):
    with pytest.raises(ValueError, match="expected http://host:port"):
        Client(url)
    assert main(["models", "--url", url]) == 2
    assert "expected http://host:port" in capsys.readouterr().err


def process(server, *arguments, **options):
    command = [sys.executable, "-m", "client", *arguments, "--url", server.url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60, **options)


def test_process_reads_csv_and_json_from_standard_input(server):
    for content, lines in [
        (b"age\n31\n9\n", b'"yes"\n"no"\n'),
        (b' [{"age": 31.0}]', b'{"age": 31.0}\n'),
        (codecs.BOM_UTF8 + b'[{"age": 31.0}]', b'{"age": 31.0}\n'),
    ]:
        done = process(server, "predict", "-", input=content)
        assert (done.returncode, done.stdout, done.stderr) == (0, lines, b"")


def test_process_ends_without_an_error_when_its_output_is_closed(server, tmp_path):
    rows = file(tmp_path, "rows.json", json.dumps([{"age": 31}] * 20_000))
    command = [sys.executable, "-m", "client", "predict", rows, "--url", server.url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b'{"age": 31}\n'
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_process_reports_errors_without_a_traceback(server):
    server.server_close()
    server.shutdown()
    done = process(server, "models")
    assert done.returncode == 3
    assert done.stderr.startswith(b"daylight-client: no connection to http://127.0.0.1:")
    assert b"Traceback" not in done.stderr

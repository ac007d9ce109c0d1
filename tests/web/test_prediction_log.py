"""A server with a prediction log: every way to an answer is logged, by each worker into its own files; streams too."""

import json
from pathlib import Path

import requests

from benchmarks.support.serving import eventually, live_server, refusal
from service.observability.memory import children_of, memory_of_server, proportional_bytes
from tests.support.tiny_text import add_compiled_tiny

ROW = [5.1, 3.5, 1.4, 0.2]
V1 = "/v1/models/iris:predict"


def lines(folder, model):
    """What was logged of a model, but for the beginning of a line that is being written."""
    files = [path.read_bytes() for path in sorted(folder.glob(f"{model}/*.jsonl"))]
    return [json.loads(line) for content in files for line in content.rpartition(b"\n")[0].splitlines()]


def test_what_all_workers_answer_is_logged_and_nothing_is_lost_at_their_end(tabular_store, tmp_path):
    folder = tmp_path / "log"
    with live_server(tabular_store, workers=2, env={"DAYLIGHT_PREDICTION_LOG": str(folder)}) as url:
        for number in range(40):
            answer = requests.post(
                url + V1, json={"instances": [ROW]}, headers={"X-Request-ID": f"r{number}"}, timeout=30
            )
            assert answer.status_code == 200
        assert requests.post(url + V1, json={"instances": [["x"]]}, timeout=30).status_code == 422
        eventually(lambda: lines(folder, "iris"), what="the first lines")
        first, second = map(str, url.workers())
        assert len(children_of(first)) + len(children_of(second)) in (1, 2)  # of a worker that has answered
        assert memory_of_server(url.pid)["workers"] > sum(map(proportional_bytes, [first, second]))
        wanted = 'daylight_prediction_log_rows_total{model="iris"} 40.0'
        eventually(lambda: wanted in requests.get(f"{url}/metrics", timeout=30).text, what="the count of all rows")
    rows = lines(folder, "iris")
    assert sorted(row["request"] for row in rows) == sorted(f"r{number}" for number in range(40))
    writers = {path.name.split("-")[1] for path in folder.glob("iris/*")}
    assert len(writers) == len(list(folder.glob("iris/*"))) <= 2
    assert not any(Path(f"/proc/{process}").exists() for process in writers)


def test_a_stream_is_logged_at_its_end_as_an_answer_in_one_piece_is(tmp_path):
    store, folder = tmp_path / "store", tmp_path / "log"
    add_compiled_tiny(store)
    asked = {"model": "tiny", "prompt": "Once", "max_tokens": 4, "temperature": 0}
    with live_server(store, env={"DAYLIGHT_PREDICTION_LOG": str(folder)}) as url:
        whole = requests.post(f"{url}/v1/completions", json=asked, timeout=60).json()["choices"][0]
        streamed = requests.post(f"{url}/v1/completions", json=asked | {"stream": True}, timeout=60)
        assert streamed.text.endswith("data: [DONE]\n\n")
        first, second = eventually(lambda: len(rows := lines(folder, "tiny")) == 2 and rows, what="both answers")
    for row in (first, second):
        assert row["inputs"] == {"prompt": "Once"}
        assert row["outputs"] == {"completion": whole["text"], "finish_reason": whole["finish_reason"]}
        assert row["parameters"]["max_tokens"] == 4


def test_a_log_that_cannot_be_written_ends_the_start_with_a_sentence(tabular_store):
    code, said = refusal(tabular_store, env={"DAYLIGHT_PREDICTION_LOG": "/proc/log"})
    assert code != 0
    assert "daylight refuses to start: DAYLIGHT_PREDICTION_LOG: /proc/log cannot be made" in said
    assert "Traceback" not in said

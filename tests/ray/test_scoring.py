"""Folders scored by Ray's actors: what one process writes, whichever of them, of the nodes and of the commands dies."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.support.serving import ROOT
from tests.faults.models import store_of
from tests.support.bulk import found, killed, processes_below, started, write_rows
from tests.support.tiny_encoders import MAX_TOKENS, pack_embedder

pytestmark = pytest.mark.heavy

FILES, ROWS = 12, 20_000
ACTOR = b"ray::Actor"  # how the processes that score are called


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder, FILES, ROWS)
    return folder


@pytest.fixture(scope="module")
def command(predicting, folder):
    return [*predicting, "tumour", str(folder), "--json", "--engine", "ray"]


@pytest.fixture(scope="module")
def answers(predict, folder):
    """What each row gets in one process that nobody disturbs: {id: prediction}."""
    out = folder.with_name("undisturbed")
    assert predict("tumour", folder, "-o", out, "--processes", 1).returncode == 0
    return found(out)


def written(out):
    """{name below the folder: bytes} of all that a run has left."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Every format, Hive's partitions, wrong rows, and a file that cannot be read."""
    folder = tmp_path_factory.mktemp("mixed") / "in"
    sample = pd.read_csv(ROOT / "artifacts/data.csv")
    wrong = sample.astype(object).assign(id=range(len(sample)))
    wrong.iloc[[3, 200], 2] = ["much", None]
    for name in ("csv", "day=1/place=Oslo", "day=2/place=S%C3%A3o"):
        (folder / name).mkdir(parents=True)
    wrong.to_csv(folder / "csv/rows.csv", index=False)
    wrong.to_csv(folder / "csv/packed.csv.gz", index=False)
    wrong.to_json(folder / "day=1/place=Oslo/rows.jsonl", orient="records", lines=True)
    sample.to_parquet(folder / "day=2/place=S%C3%A3o/rows.parquet")
    table = pa.Table.from_pandas(sample, preserve_index=False)
    with pa.ipc.new_file(folder / "rows.arrow", table.schema) as file:
        file.write_table(table, 100)
    (folder / "torn.parquet").write_bytes(b"PAR1")
    return folder


def test_two_nodes_write_what_one_process_does(predict, two_nodes, mixed, tmp_path):
    """Every file is the same to the byte: rows, rejects and receipts. Names are relative to where the command runs."""
    told = {}
    with two_nodes() as (address, _):
        for name, engine in ("here", ("--processes", 1)), ("ray", ("--engine", "ray", "--ray-address", address)):
            source = os.path.relpath(mixed, ROOT)
            ran = predict("tumour", source, "-o", tmp_path / name, "--part-rows", 100, "--json", *engine)
            assert ran.returncode == 1, ran.stderr
            assert not ran.stderr
            told[name] = json.loads(ran.stdout)
    own = {"seconds", "rows_per_second", "out", "rejects"}
    here, ray = ({name: value for name, value in each.items() if name not in own} for each in told.values())
    assert ray == here
    assert (ray["rejected"], list(ray["failed"])) == (6, [f"{source}/torn.parquet"])
    assert written(tmp_path / "ray") == written(tmp_path / "here")


def test_one_file_in_parts_becomes_one_file(predict, folder, environment, tmp_path):
    source, out = folder / "00.parquet", tmp_path / "out.csv"
    ran = predict("tumour", source, "-o", out, "--part-rows", 7000, "--engine", "ray")
    assert ran.returncode == 0, ran.stderr
    assert predict("tumour", source, "-o", tmp_path / "here.csv", "--processes", 1).returncode == 0
    assert out.read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.csv", "out.csv"]


def test_a_killed_actor_loses_and_doubles_no_row(command, environment, answers, tmp_path):
    run = started(command, tmp_path / "out", FILES, environment)
    os.kill(processes_below(run.pid, ACTOR)[0], signal.SIGKILL)
    told = json.loads(run.communicate(timeout=300)[0])
    assert run.returncode == 0
    assert (told["scored"], told["failed"]) == (FILES * ROWS, {})
    assert found(tmp_path / "out").equals(answers)


def test_a_killed_node_loses_and_doubles_no_row(command, environment, two_nodes, answers, tmp_path):
    with two_nodes() as (address, remove):
        run = started([*command, "--ray-address", address], tmp_path / "out", FILES, environment)
        remove()
        told = json.loads(run.communicate(timeout=300)[0])
    assert run.returncode == 0
    assert (told["scored"], told["failed"]) == (FILES * ROWS, {})
    assert found(tmp_path / "out").equals(answers)


def test_after_the_command_itself_was_killed_the_next_one_goes_on(command, environment, answers, tmp_path):
    """Agents of Ray that hold no rows stay for a minute, until they miss their node."""
    killed(started(command, tmp_path / "out", FILES, environment), ACTOR)
    ran = subprocess.run(
        [*command, "-o", str(tmp_path / "out")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
    )
    told = json.loads(ran.stdout)
    assert told["scored"] == FILES * ROWS
    assert 3 <= told["finished"] < FILES
    assert found(tmp_path / "out").equals(answers)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.endswith(".draft")]


def test_a_part_that_kills_its_actors_fails_alone(predict, tmp_path):
    store = store_of(tmp_path / "store", "exits")
    (tmp_path / "in").mkdir()
    for place in range(5):
        (tmp_path / f"in/{place}.csv").write_text(f"x0\n-1\n{1 if place == 2 else -2}\n")
    ran = predict("exits", tmp_path / "in", "--store", store, "--engine", "ray", "--json")
    assert ran.returncode == 1, ran.stderr
    told = json.loads(ran.stdout)
    assert told["scored"] == 8
    assert told["failed"] == {
        str(tmp_path / "in/2.csv"): "the process that scored it died, 3 times: probably there was not enough memory"
    }


def test_a_node_with_other_folders_is_named_before_anything_is_scored(predict, two_nodes, folder, tmp_path):
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("only root can give a node a file system of its own")
    out = tmp_path / "place" / "out"
    out.parent.mkdir()
    with two_nodes(out.parent) as (address, _):
        ran = predict("tumour", folder, "-o", out, "--engine", "ray", "--ray-address", address)
    assert ran.returncode == 1
    assert f"{out} is another folder here; every node needs Daylight, and the folders of the store" in ran.stderr
    assert ran.stderr.startswith("Error: node ")
    assert ran.stderr.count("\n") == 1
    assert not found_parts(out)


def found_parts(out):
    return [path for path in out.rglob("*") if path.name.endswith((".parquet", ".draft"))]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--ray-address", "127.0.0.1:1"], "Error: no Ray cluster at 127.0.0.1:1: "),
        (["--version", "7"], "Error: "),
    ],
)
def test_what_cannot_be_is_one_sentence(predict, folder, tmp_path, arguments, told):
    ran = predict("tumour", folder, "-o", tmp_path / "out", "--engine", "ray", *arguments)
    assert ran.returncode == 1
    assert ran.stderr.startswith(told)
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("answer", "told"), [(b"", "timed out"), (b"HTTP/1.0 400 Bad Request\r\n\r\n", "something else listens there")]
)
def test_an_address_of_something_else_is_told_in_seconds(predict, folder, tmp_path, answer, told):
    """Ray itself tries for more than five minutes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        connections = []

        def serve():
            connections.append(server.accept()[0])
            connections[0].sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        ran = predict("tumour", folder, "-o", tmp_path / "out", "--engine", "ray", "--ray-address", address)
        thread.join()
        connections[0].close()
    assert ran.returncode == 1
    assert ran.stderr == f"Error: no Ray cluster at {address}: {told}\n"


def test_texts_get_the_vectors_that_one_process_gives(predict, tmp_path):
    """By one actor for the whole node, as an engine of texts fills it."""
    store = tmp_path / "store"
    pack_embedder(store)
    texts = ["Ada 12", "a fine day", "", "Rome", "y" * MAX_TOKENS]
    (tmp_path / "in").mkdir()
    for ending in ("csv", "parquet"):
        frame = pd.DataFrame({"id": range(len(texts)), "text": texts})
        getattr(frame, f"to_{ending}")(tmp_path / f"in/texts.{ending}", index=False)
    for name, engine in ("here", ("--processes", 1)), ("ray", ("--engine", "ray")):
        ran = predict("tiny_embedder", tmp_path / "in", "-o", tmp_path / name, "--store", store, "--json", *engine)
        assert ran.returncode == 3, ran.stderr
        assert (json.loads(ran.stdout)["scored"], json.loads(ran.stdout)["rejected"]) == (8, 2)
    assert written(tmp_path / "ray") == written(tmp_path / "here")

"""The README's own commands and code, run against the real server as a reader would type them."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from benchmarks.support.serving import ROOT
from client import Client
from service.cli import main
from service.store.versions import Store

README = (ROOT / "README.md").read_text(encoding="utf-8")
URL = "http://127.0.0.1:1200"


def block(language, containing):
    """The README's one fenced block of this language that holds this text."""
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in text]
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")
def test_the_curl_commands_print_a_label_and_a_continuation(server, tmp_path):
    commands = block("bash", "row.json").replace(URL, server)
    done = subprocess.run(["bash", "-e"], input=commands, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    label, continuation = re.findall(r"\{.*?\}", done.stdout)
    assert label == '{"text":["malignant"]}'
    assert continuation.startswith('{"Prediction":"')


def test_the_client_in_five_lines(server):
    code = block("python", "from client import Client").replace(URL, server)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    label, continuation = done.stdout.split("\n", 1)
    assert label == "['malignant']"
    assert continuation.strip()


def test_the_pack_command_makes_a_version(demo_store, tmp_path):
    line = next(line for line in block("bash", "pack classifier.pkl").splitlines() if " pack " in line)
    words = line.split("-m service ")[1].split()
    os.symlink(demo_store / "data.csv", tmp_path / "data.csv")
    os.symlink(demo_store / "classifier.pkl", tmp_path / "classifier.pkl")
    words = [str(tmp_path / word) if word.startswith(("data.csv", "classifier.pkl")) else word for word in words]
    result = CliRunner().invoke(main, [*words, "--store", str(tmp_path / "store")])
    assert result.exit_code == 0, result.output
    assert Store(tmp_path / "store").models() == ["tumour"]


def test_the_tree_names_what_there_is():
    tree = README.split("## What is where")[1].split("```")[1]
    names = {name.rstrip("/") for line in tree.splitlines() for name in line.strip().split("  ")[0].split()}
    top = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    rooms = {path.name for path in (ROOT / "service").iterdir() if not path.name.startswith("__")}
    wanted = (top & set(TRACKED)) | rooms
    assert names >= wanted - UNLISTED


TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
TRACKED = {path.split("/")[0] for path in TRACKED.splitlines()}
UNLISTED = {"README.md", "LICENSE", "CHANGELOG.md"}


def test_the_client_and_the_page_agree_on_what_is_served(server):
    with Client(server) as daylight:
        assert {entry["id"] for entry in daylight.models()} == {"smollm2", "tumour"}
        described = daylight.describe("tumour")
        answer = daylight.predict(described["example"]["instances"], outputs=["predict", "decision_function"])
    assert answer == described["example"]["outputs"]["predict"]

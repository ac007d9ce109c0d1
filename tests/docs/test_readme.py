"""The README and the pages of docs/: what they say of answers is so, their links resolve, the site has them all.

Their commands are run by test_page_commands.
"""

import json
import os
import re
import runpy
import shutil
import subprocess

import pytest

from benchmarks.support.serving import ROOT
from client import Client

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "client" / "README.md"]
PAGES += [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
README = (ROOT / "README.md").read_text(encoding="utf-8")
URL = "http://127.0.0.1:1200"
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")


def blocks(language, containing, page=README):
    """The fenced blocks of a page in this language that hold this text."""
    return [text for text in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) if containing in text]


def block(language, containing, page=README):
    (only,) = blocks(language, containing, page)
    return only


def page(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def run(server, commands, folder):
    commands = commands.replace(URL, str(server))
    ran = subprocess.run(["bash", "-e"], input=commands, cwd=folder, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_readme_is_read_in_five_minutes():
    assert len(README.splitlines()) <= 150


@needs_curl
def test_the_chat_answers_the_question(server, tmp_path):
    answer = json.loads(run(server, block("bash", "chat/completions"), tmp_path))
    assert "Paris" in answer["choices"][0]["message"]["content"]


@needs_curl
def test_a_wrong_row_gives_the_error_that_is_shown(server, tmp_path):
    command = block("bash", "/v1/models/tumour:predict").replace("153.4", '"large"').replace("0.04904", "null")
    answer, shown = json.loads(run(server, command, tmp_path)), json.loads(block("json", '"error"'))
    assert answer | {"request_id": "..."} == shown


def test_the_client_and_the_page_agree_on_what_is_served(server):
    with Client(server) as daylight:
        assert {entry["id"] for entry in daylight.models()} == {"smollm2", "tumour"}
        described = daylight.describe("tumour")
        answer = daylight.predict(described["example"]["instances"], outputs=["predict", "decision_function"])
    assert answer == described["example"]["outputs"]["predict"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_resolve(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if target:
            linked = (path.parent / target).resolve()
            assert linked.exists(), target
            assert linked.relative_to(ROOT).as_posix() in {*TRACKED, "docs"}, f"{target} is not tracked by git"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paths_that_are_named_exist(path):
    """Names in backticks that look like paths of the repository are such paths."""
    folders = {tracked.split("/")[0] for tracked in TRACKED if "/" in tracked}
    for named in re.findall(r"`([\w.@-]+(?:/[\w.@-]+)+/?)`", path.read_text(encoding="utf-8")):
        if named.split("/")[0] in folders and "<" not in named and path.name != "CHANGELOG.md":
            assert (ROOT / named).exists() or named.startswith("artifacts/"), named


def test_the_architecture_page_names_every_package():
    packages = {f"{each.parent.relative_to(ROOT / 'service')}/" for each in (ROOT / "service").rglob("__init__.py")}
    packages -= {"./", "wire/v1/", "wire/v2/", "wire/openai/", "wire/openai/responses/"}
    packages -= {"wire/ollama/", "wire/openapi/routes/", "wire/tei/"}
    listed = set(re.findall(r"^\| `([\w/]+/)`", page("architecture.md"), re.MULTILINE))
    assert packages == listed


def test_the_guides_quote_the_code_as_it_is():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "service").rglob("*.py"))
    for name, count in (("adding-a-dialect.md", 6), ("adding-a-kind.md", 2)):
        quotes = re.findall(r"```python\n(.*?)```", page(name), re.DOTALL)
        assert len(quotes) == count
        assert not [quote for quote in quotes if quote not in sources]


def test_the_site_has_every_page():
    listed = {
        f"docs/{name}.md"
        for names in runpy.run_path(str(ROOT / "docs" / "conf.py"))["PARTS"].values()
        for name in names
    }
    assert {os.path.normpath(path) for path in listed} == {path.relative_to(ROOT).as_posix() for path in PAGES[1:]}

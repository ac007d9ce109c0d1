"""Every command and program of the pages is run where it can be, and prints what the page shows."""

import re
import shutil

import pytest

from benchmarks.support.serving import ROOT

from .page_blocks import FENCE, PAGES, Step, agrees, steps
from .page_runner import Reader, why_not
from .page_scenes import DEMO, QUICK, SCENES

QUOTED = {
    "docs/adding-a-dialect.md",
    "docs/adding-a-kind.md",
}  # their blocks are quotes of the code; test_readme compares them
LANGUAGES = {"bash", "console", "python", "json", "text", "mermaid"}
TOLD = {name: [step for step in steps(path) if not why_not(step)] for name, path in PAGES.items() if name not in QUOTED}

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")


@needs_curl
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.heavy] * (name not in QUICK)) for name in SCENES]
)
def test_the_commands_of_a_page_do_what_it_says(name, tmp_path, request):
    url = request.getfixturevalue("server") if name in DEMO else None
    with Reader(tmp_path, url) as reader:
        SCENES[name](reader)
        for step in TOLD[name]:
            reader.take(step)


def test_a_page_with_commands_is_run_or_says_why_not():
    assert set(SCENES) == {name for name, told in TOLD.items() if told}


def test_the_targets_of_make_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    typed = [step.text for path in PAGES.values() for step in steps(path) if step.language == "shell"]
    named = {found[1] for text in typed if (found := re.match(r"(?:[A-Z_]+=\S+ )*make ([a-z-]+)", text))}
    assert len(named) > 5
    assert named <= set(targets)


@pytest.mark.parametrize("name", PAGES)
def test_every_block_says_what_it_is(name):
    text = PAGES[name].read_text(encoding="utf-8")
    assert {block[1] for block in FENCE.finditer(text)} <= LANGUAGES
    assert not re.findall(r"\n\n((?:    \S.*\n)+)", FENCE.sub("", text)), "an indented block has no language"


@pytest.mark.parametrize(
    ("shown", "printed", "missing"),
    [
        ("took 3.2 s\n", "took 117 s\n", None),
        ("took long\n", "took 117 s\n", "took long"),
        ("b\na\n", "a\nb\n", "a"),
        ("reads ... rows\n", "reads all of the rows\n", None),
        ('{"a": 1,\n "b": "x"}', '{"a":2,"b":"x"}', None),
        ('{"a": 1}', '{"b": 1}', '{"a": 1}'),
        ("1 2026-05-04T09:12:44+00:00 maria@laptop", "3 2027-01-04T09:12:44+00:00 root@vm", None),
    ],
)
def test_what_is_printed_is_compared_but_for_what_varies(shown, printed, missing):
    assert agrees(shown, printed) == missing


def test_a_command_that_fails_or_prints_something_else_is_noticed(tmp_path):
    with Reader(tmp_path) as reader:
        reader.take(Step("shell", "echo a 1", "a 2"))
        for wrong in (Step("shell", "echo a", "b"), Step("shell", "false"), Step("python", "raise ValueError")):
            with pytest.raises(AssertionError, match="ended with|has not printed"):
                reader.take(wrong)

"""The lock files: as new as requirements.txt, exact, hashed, and of no index in particular."""

import re
import runpy
import tomllib
from importlib.metadata import distributions
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from benchmarks.support.serving import ROOT

LOCKS = ROOT / "deploy" / "locks"
NAMES = ("libraries", "torch", "cuda")
WRITE = runpy.run_path(str(LOCKS / "write.py"))


def pins(text):
    """[(distribution, version)] of the lines that have exact versions."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", text, re.MULTILINE)
    return [(canonicalize_name(name), version) for name, version in found]


def locked():
    return {pin for name in NAMES for pin in pins((LOCKS / f"{name}.txt").read_text())}


def test_every_line_of_requirements_is_locked_in_its_version():
    stale = set(pins((ROOT / "requirements.txt").read_text())) - locked()
    assert not stale, "requirements.txt has changed: make lock"


def test_locked_versions_are_in_the_ranges_of_the_extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    ranges = {canonicalize_name(each.name): each.specifier for each in map(Requirement, lines)}
    outside = {(name, version) for name, version in locked() if name in ranges and version not in ranges[name]}
    assert not outside, "pyproject.toml has changed: make lock"


def test_what_tests_need_changes_no_locked_version():
    """A tool of the tests brought another botocore than the client of S3 takes, and CI tested that."""
    installed = {canonicalize_name(each.name): Version(each.version).public for each in distributions()}
    others = {(name, installed[name]) for name, _ in locked() if name in installed} - locked()
    assert not others, "tests/requirements.txt wants a pin that agrees with deploy/locks"


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_hashes_and_names_no_host(name):
    text = (LOCKS / f"{name}.txt").read_text()
    assert "://" not in text
    assert "index" not in text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    entries = [line for line in lines if not line.startswith("    --hash=sha256:")]
    assert entries
    assert all(re.fullmatch(r"[\w.-]+==\S+( ; .+)? \\", entry) for entry in entries)
    assert len(WRITE["ENTRY"].findall(text)) == len(entries)
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines if line not in entries)


def test_torch_and_what_its_build_for_linux_brings_are_apart():
    entries = [
        "numpy==2 \\\n    --hash=sha256:1",
        "torch==2.13.0 \\\n    --hash=sha256:2",
        "triton==3 \\\n    --hash=sha256:3",
    ]
    files = WRITE["files"](entries)
    assert (files["libraries"], files["cuda"]) == ([entries[0]], [entries[2]])
    (torch,) = files["torch"]
    assert torch.startswith(entries[1])
    assert torch.count("--hash") == 1 + len(WRITE["CPU_BUILDS"]["2.13.0"])

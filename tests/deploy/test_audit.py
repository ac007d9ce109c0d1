"""What was answered about known vulnerabilities, and the licences of what is installed."""

import datetime
import re
import runpy

import pytest

from benchmarks.support.serving import ROOT

AUDIT = runpy.run_path(str(ROOT / "deploy" / "audit" / "audit.py"))
LICENCES = runpy.run_path(str(ROOT / "deploy" / "audit" / "licences.py"))


def locked(names=("libraries", "torch", "cuda")):
    text = "".join((ROOT / "deploy" / "locks" / f"{name}.txt").read_text() for name in names)
    return set(re.findall(r"^([\w.-]+)==([^\s;]+)(?: (;))?", text, re.MULTILINE))


def faults(answers, versions):
    """What is wrong with the answers of answers.toml, a sentence each. versions: {(library, version)} of the locks."""
    found = []
    for answer in answers:
        if answer.keys() != {"id", "library", "version", "date", "reason"}:
            found.append(f"{answer}: not id, library, version, date and reason")
        elif not re.fullmatch(r"(GHSA|PYSEC|CVE)-[\w-]+", answer["id"]):
            found.append(f"{answer['id']}: not an identifier")
        elif (answer["library"], answer["version"]) not in versions:
            found.append(f"{answer['id']}: {answer['library']} {answer['version']} is not locked any more")
        elif type(answer["date"]) is not datetime.date or len(answer["reason"].split()) < 5:
            found.append(f"{answer['id']}: no date, or no reason that says something")
    return found


def test_every_answer_to_a_finding_is_one():
    answers = AUDIT["answers"]()
    assert faults(answers, {(name, version) for name, version, _ in locked()}) == []
    assert len({answer["id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"id": "a bug"}, "not an identifier"),
        ({"version": "1"}, "not locked any more"),
        ({"date": "today"}, "no date"),
        ({"reason": "fine"}, "no reason"),
        ({"until": "ever"}, "not id, library"),
    ],
)
def test_answers_of_another_form_are_found(change, fault):
    good = {
        "id": "GHSA-aaaa-bbbb-cccc",
        "library": "flask",
        "version": "3.1.3",
        "date": datetime.date(2026, 11, 28),
        "reason": "Only its command line is concerned, which nothing calls.",
    }
    found = faults([good | change], {("flask", "3.1.3")})
    assert [fault in each for each in found] == ([True] if fault else [])


def test_the_audit_ignores_what_is_answered_and_nothing_else():
    words = [str(word) for word in AUDIT["command"]("lock.txt", ["GHSA-1", "GHSA-2"])]
    assert [word for word in words if "ignore" in word] == ["--ignore-vuln=GHSA-1", "--ignore-vuln=GHSA-2"]
    assert "--strict" in words, "a library that could not be asked about is no library without findings"


def listed():
    page = (ROOT / "docs" / "licences.md").read_text()
    return {
        name: (version, licence)
        for name, version, licence in re.findall(r"^\| ([\w-]+) \| (\d\S*) \| (.+) \|$", page, re.M)
    }


def test_every_locked_library_is_listed_in_its_version():
    found = {(name, version) for name, (version, _) in listed().items()}
    missing = {(name, version) for name, version, marked in locked(("libraries", "torch")) if not marked} - found
    assert not missing, "a library has changed: make licences"
    assert found <= {(name, version) for name, version, _ in locked()}


def test_no_library_has_a_licence_that_is_not_allowed():
    outside = {
        name: licence for name, (_, licence) in listed().items() if LICENCES["parts"](licence) - LICENCES["ALLOWED"]
    }
    assert not outside


@pytest.mark.parametrize(
    "licence", ["UNKNOWN", "GPL-3.0-only", "MIT AND GPL-2.0-or-later", "MIT; AGPL", "(MIT OR SSPL-1.0)"]
)
def test_a_licence_that_is_not_allowed_is_found(licence):
    assert LICENCES["parts"](licence) - LICENCES["ALLOWED"]

"""The commands in the code blocks of the README and of docs/ exist, with these arguments and options."""

import re
import shlex

import click
import pytest

from benchmarks.support.serving import ROOT
from service.cli import main

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)
OURS = re.compile(r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:daylight|\S*python -m service) (.+)")


def commands():
    """(page, the words after `daylight`) of each such line; what follows it in a shell is left out."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        shell = [block for language, block in FENCED.findall(text) if language in ("", "bash", "console")]
        shell += INDENTED.findall(FENCED.sub("", text))
        for line in "\n".join(shell).replace("\\\n", " ").splitlines():
            if found := OURS.match(line):
                yield page.name, re.split(r" (?:\||&&|;) ", found[1])[0]


COMMANDS = sorted(set(commands()))


def test_there_are_commands():
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda word: word)
def test_a_command_of_the_pages_is_one(page, line):
    words, command = shlex.split(line, comments=True), main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    given, rest, _ = command.make_parser(click.Context(command)).parse_args(words)  # raises where an option is unknown
    needed = {each.name for each in command.params if isinstance(each, click.Argument) and each.required}
    assert not rest
    assert not needed - {name for name, value in given.items() if value}

"""The reference pages name every setting, route, error code, metric and command, and nothing that does not exist."""

import re
from dataclasses import fields

import click
import pytest

from benchmarks.support.serving import ROOT
from service import errors
from service.cli import main
from service.observability.metrics import METRICS
from service.server.lifecycle.rollout_state import TRANSITIONS
from service.settings import Settings, variable
from service.web.routes import ROUTES

DOCS = ROOT / "docs"


def headings(page):
    """The names in the `### \\`name\\`` headings of a page of docs/."""
    return re.findall(r"^### `(.+)`$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)


def section(page, name):
    """What stands below the heading of a name, in one line."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return " ".join(text.split(f"### `{name}`\n")[1].split("\n### ")[0].split())


def shown(argument):
    name = argument.human_readable_name.upper()
    return name if argument.required else f"[{name}]"


def codes(error=errors.ServiceError):
    """The codes of an error class and of all below it."""
    yield error.code
    for below in error.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from codes(below)


def commands(group=main, name="daylight"):
    """(name with its arguments, command) of every command."""
    for each, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")
        else:
            arguments = [shown(parameter) for parameter in command.params if isinstance(parameter, click.Argument)]
            yield " ".join([name, each, *arguments]), command


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("settings.md", [variable(each) for each in fields(Settings)]),
        ("routes.md", [f"{route.method} {route.label}" for route in ROUTES]),
        ("errors.md", codes()),
        ("metrics.md", [f"{name}{'_total' if kind == 'counter' else ''}" for name, (kind, _) in METRICS.items()]),
        ("cli.md", [name for name, _ in commands()]),
    ],
)
def test_every_name_has_its_heading_and_every_heading_its_name(page, names):
    found = headings(page)
    assert len(found) == len(set(found))
    assert set(found) == set(names)


def test_settings_are_described_by_their_own_sentences():
    wrong = [
        each.name
        for each in fields(Settings)
        if each.metadata["sentence"] not in section("settings.md", variable(each))
    ]
    assert not wrong


def test_metrics_are_described_by_their_own_help():
    for name, (kind, documentation) in METRICS.items():
        assert documentation in section("metrics.md", f"{name}{'_total' if kind == 'counter' else ''}")


def test_every_option_of_every_command_is_listed():
    for name, command in commands():
        for option in command.params:
            if isinstance(option, click.Option):
                assert f"| `{', '.join(option.opts)}` |" in section("cli.md", name), name


def test_errors_are_listed_with_their_statuses():
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.ServiceError):
            assert section("errors.md", error.code).startswith(f"Status {error.status}."), error.__name__


def test_routes_are_listed_with_their_scopes():
    for route in ROUTES:
        assert (
            section("routes.md", f"{route.method} {route.label}")
            .split(" ## ")[0]
            .endswith(f"Scope: {route.scope.name.lower()}.")
        )


def test_the_diagram_of_a_rollout_is_its_table_of_transitions():
    text = (ROOT / "docs" / "rollout.md").read_text(encoding="utf-8")
    arrows = re.findall(r"^    (\w+) --> (\w+): (\w+)$", text, re.MULTILINE)
    assert sorted(arrows) == sorted((before, after, event) for (before, event), after in TRANSITIONS.items())

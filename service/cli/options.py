"""What the commands share: options, the settings, and errors as one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ..errors import ServiceError, StartupError
from ..settings import Settings, folder_or_url
from ..store.about import faults_of, read_columns
from ..store.missing_libraries import install
from ..store.versions import Store

__all__ = [
    "about_options",
    "errors_as_sentences",
    "json_option",
    "message_option",
    "open_store",
    "sample_options",
    "settings",
    "store_option",
]


def place(text: str) -> Path | str:
    """Of --store: a folder as a Path, a URL as a text."""
    try:
        return folder_or_url(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: expected {error}") from None


message_option = click.option("-m", "--message", default="", help="Why, for the history.")
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
store_option = click.option(
    "--store", type=place, help="The folder or the URL of the models (default: DAYLIGHT_STORE, or artifacts/)."
)


def sample_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that describe a FILE to pack."""
    options = [
        click.option("--name", help="The model's name (default: the file's)."),
        click.option("--data", type=click.Path(exists=True, path_type=Path), help="CSV or Parquet of sample rows."),
        click.option("--target", multiple=True, help="A column of --data that is not an input; repeatable."),
        click.option(
            "--test", type=click.Path(exists=True, path_type=Path), help="Held-out rows like --data, to score it on."
        ),
        click.option("--metrics", type=click.Path(exists=True, path_type=Path), help="JSON of your own scores."),
        click.option("--trust", multiple=True, help="A module, or a name in one, that a pickle may import."),
        click.option("--code", multiple=True, type=Path, help="A Python file of yours that it needs; repeatable."),
        click.option("--files", type=Path, help="A folder for the load() of a Python class."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def about_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say something of a model; the command is given them as one dict, `about`, checked."""
    options = [
        click.option("--description", help="What the model is for, in a sentence or two; its page shows it."),
        click.option("--owner", help="Whose it is: a name, a team, an address."),
        click.option("--tag", "tags", multiple=True, help="A word to find it by; repeatable."),
        click.option("--columns", type=Path, help="CSV (name,unit,description) or JSON that says what columns mean."),
    ]

    @wraps(command)
    def given(*args: Any, columns: Path | None, **rest: Any) -> Any:
        about = {name: rest.pop(name) for name in ("description", "owner", "tags")}
        about = {name: list(value) if name == "tags" else value for name, value in about.items() if value is not None}
        if not about["tags"]:
            del about["tags"]  # not given
        with errors_as_sentences():
            if columns is not None:
                about["columns"] = read_columns(columns)
            if faults := list(faults_of(about)):
                raise ValueError("; ".join(faults))
        return command(*args, about=about, **rest)

    decorated: Callable[..., Any] = given
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@contextmanager
def errors_as_sentences(extra: str = "") -> Iterator[None]:
    """Print an expected error as one sentence on stderr, and end with exit code 1.

    extra: the one of the package that the command needs, for the sentence about a library that is not installed.
    """
    try:
        yield
    except (StartupError, ServiceError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except ImportError as error:
        raise click.ClickException(install(error, extra)) from None


def settings() -> Settings:
    """The settings of the environment; a wrong one ends the command with a sentence."""
    with errors_as_sentences():
        return Settings.from_environ()


def open_store(place: Path | str | None, configured: Settings) -> Store:
    """The store that --store names, or DAYLIGHT_STORE: all its models, by the keys of the settings.

    A store elsewhere is followed up to now. What it refuses ends the command with a sentence.
    """
    with errors_as_sentences():
        return Store.of(configured, place or configured.store)

"""describe NAME: print what is said of a model, or change it. Its versions stay what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ..store.about import change_about, read_about
from ..store.missing import did_you_mean
from ..store.versions import StoredVersion, check_name
from .completion import models_of
from .options import about_options, errors_as_sentences, json_option, open_store, settings, store_option

__all__ = ["describe", "say"]


@click.command()
@click.argument("name", shell_complete=models_of)
@about_options
@json_option
@store_option
def describe(name: str, store: Path | str | None, about: dict[str, Any], *, as_json: bool) -> None:
    """Say what the model NAME is for, whose it is, how it is tagged and what its columns mean; without options, print
    that. Running servers show it at once. An empty text takes it back."""
    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences():
        version = opened.open(check_name(name))
        said = say(opened.root, name, about, version) if about else read_about(opened.root / name)
    click.echo(json.dumps(said, indent=1, ensure_ascii=False) if as_json else "\n".join(lines_of(said)))


def say(root: Path, name: str, about: Mapping[str, Any], version: StoredVersion) -> dict[str, Any]:
    """Change what is said of a model; returns all of it. Columns that its version has not are named, and kept.

    Raises ValueError or StartupError.
    """
    said = change_about(root, name, about)
    there = [column["name"] for column in version.manifest.spec.get("columns", [])]
    for column in about.get("columns", {}):
        if column not in there:
            click.echo(f"{version} has no column {column!r}{did_you_mean(column, there)}", err=True)
    return said


def lines_of(said: Mapping[str, Any]) -> Iterator[str]:
    if not said:
        yield "nothing is said of it: --description, --owner, --tag, --columns"
    for name in ("description", "owner"):
        if name in said:
            yield f"{name}: {said[name]}"
    if "tags" in said:
        yield f"tags: {', '.join(said['tags'])}"
    for column, of_it in said.get("columns", {}).items():
        yield f"column {column}: {', '.join(of_it[key] for key in ('unit', 'description') if of_it.get(key))}"

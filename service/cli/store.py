"""The commands that look at the store: models, verify."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ..errors import ArtifactMissing, StartupError
from ..store.missing import did_you_mean
from ..store.versions import check_name
from .completion import models_of, versions_of
from .options import errors_as_sentences, json_option, open_store, settings, store_option

__all__ = ["models", "verify"]


@click.command()
@json_option
@store_option
def models(store: Path | str | None, *, as_json: bool) -> None:
    """List the models of the store: versions (* marks the current one), size, runtime, score; and what the servers of
    this machine that serve them answer with, how often they are asked, and what they refuse. A broken model is listed
    with the reason; `verify` finds those too that fail only when they are loaded."""
    from .listing import lines, listed

    configured = settings()
    with errors_as_sentences():
        found = listed(open_store(store, configured), configured)
    click.echo(json.dumps(found, indent=1, ensure_ascii=False) if as_json else "\n".join(lines(found)))


@click.command()
@click.argument("name", required=False, shell_complete=models_of)
@click.argument("version", required=False, shell_complete=versions_of)
@store_option
def verify(name: str | None, version: str | None, store: Path | str | None) -> None:
    """Check versions as a worker does: signature, digests, load, replay of the example. All of them, or NAME's."""
    from .. import models

    configured = settings()
    opened = open_store(store, configured)
    failures = 0
    with errors_as_sentences():
        names = [check_name(name)] if name else opened.models()
        versions = [(each, number) for each in names for number in ([version] if version else opened.versions(each))]
        if not versions:
            near = did_you_mean(name, opened.models()) if name else ""
            raise ArtifactMissing(f"the store {opened.root} has no model {name or 'at all'}{near}")
    for each, number in versions:
        try:
            models.load(opened.open(each, number), configured).warm_up()
            click.echo(f"{each} version {number}: sound")
        except (StartupError, ValueError) as error:
            failures += 1
            click.echo(f"{each} version {number}: FAILED: {error}", err=True)
    sys.exit(1 if failures else 0)

"""The commands that look at the store: models, verify."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import ArtifactMissing, StartupError
from ..store.manifest import Manifest
from ..store.proven import stand_ins
from ..store.versions import Store, check_name
from .options import errors_as_sentences, settings, store_option

__all__ = ["models", "verify"]


@click.command()
@store_option
def models(store: Path | None) -> None:
    """List the models of the store, with their versions; * marks the current one. A broken one is listed with the
    reason; `verify` finds those too that fail only when they are loaded."""
    from ..models import check_stored

    configured = settings()
    opened = Store.of(configured, store or configured.store)
    with errors_as_sentences():
        names = opened.models()
    for name in names:
        try:
            version = opened.open(name)
            check_stored(version, configured)
        except (StartupError, ValueError) as error:
            click.echo(f"{name:24} BROKEN: {error}{in_its_place(opened, name)}")
        else:
            click.echo(line_of(version.manifest, opened.versions(name)))


def line_of(current: Manifest, versions: Sequence[str]) -> str:
    """The line of a model that is sound."""
    marked = " ".join(f"{version}*" if version == current.version else version for version in versions)
    metrics = ", ".join(f"{key} {value}" for key, value in current.metrics.items())
    return f"{current.model:24} {current.kind:16} {marked:16} {metrics}"


def in_its_place(store: Store, name: str) -> str:
    """What a server that starts would serve instead, as the end of a sentence."""
    versions = stand_ins(store, name)
    return f"; a server that starts serves version {versions[0]} in its place" if versions else ""


@click.command()
@click.argument("name", required=False)
@click.argument("version", required=False)
@store_option
def verify(name: str | None, version: str | None, store: Path | None) -> None:
    """Check versions as a worker does: signature, digests, load, replay of the example. All of them, or NAME's."""
    from .. import models

    configured = settings()
    opened = Store.of(configured, store or configured.store)
    failures = 0
    with errors_as_sentences():
        names = [check_name(name)] if name else opened.models()
        versions = [(each, number) for each in names for number in ([version] if version else opened.versions(each))]
        if not versions:
            raise ArtifactMissing(f"the store {opened.root} has no model {name or 'at all'}")
    for each, number in versions:
        try:
            models.load(opened.open(each, number), configured).warm_up()
            click.echo(f"{each} version {number}: sound")
        except (StartupError, ValueError) as error:
            failures += 1
            click.echo(f"{each} version {number}: FAILED: {error}", err=True)
    sys.exit(1 if failures else 0)

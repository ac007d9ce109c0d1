"""push URL: put models, with their versions and histories, into a store elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..store.remote.pushing import push as push_model
from .completion import models_of
from .options import errors_as_sentences, open_store, settings, store_option

__all__ = ["push"]


@click.command()
@click.argument("url")
@click.argument("names", nargs=-1, shell_complete=models_of)
@store_option
def push(url: str, names: Sequence[str], store: Path | str | None) -> None:
    """Put the models of the store, or those that NAMES names, into a store elsewhere, such as s3://bucket/folder, with
    their versions and histories; later, what is new of them."""
    opened = open_store(store, settings())
    with errors_as_sentences():
        for name in names or opened.models():
            pushed = push_model(opened, name, url.rstrip("/"))
            click.echo(f"{name}: {pushed.entries} new entries of its history are at {url}")
            if pushed.left:
                click.echo(f"{name}: not in its history, and left here: {', '.join(pushed.left)}", err=True)

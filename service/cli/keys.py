"""python -m service keys: add, list and remove the API keys of a file.

    python -m service keys add shop --scope predict --rate 50
    python -m service keys list
    python -m service keys remove shop

Where several servers share a Redis, it stands in place of the file: `--file redis://10.0.0.5:6379/0`. A server reads
the keys again within a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import click

from ..web.access.api_keys import SCOPES, add, read, remove
from ..web.access.key_places import place_of
from .options import errors_as_sentences

__all__ = ["keys"]

file_option = click.option(
    "--file",
    required=True,
    envvar="DAYLIGHT_KEYS_FILE",
    help="The file of keys, or redis://HOST (default: DAYLIGHT_KEYS_FILE).",
)


@click.group()
def keys() -> None:
    """API keys: add, list, remove. A server reads the file again within a second."""


@keys.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), default=["predict"], help="Repeatable.")
@click.option("--rate", type=float, default=0.0, help="Requests a second, over all workers (default: any number).")
@click.option("--burst", type=int, help="Requests taken at once after a pause (default: those of one second).")
@file_option
def add_key(name: str, scopes: Sequence[str], rate: float, burst: int | None, file: str) -> None:
    """Make a key for NAME and print it, this once."""
    if not math.isfinite(rate):
        raise click.BadParameter("expected a number", param_hint="--rate")
    with errors_as_sentences():
        key = add(file, name, scopes, rate, max(1, math.ceil(rate)) if burst is None else burst)
    click.echo(f"{name} is in {place_of(file)}; its key is shown this once:", err=True)
    click.echo(key)


@keys.command("list")
@file_option
def list_keys(file: str) -> None:
    """List the keys: names, scopes, limits, since when."""
    with errors_as_sentences():
        for key in read(file):
            limit = f"{key.rate:g}/s, {key.burst} at once" if key.rate else "any rate"
            click.echo(f"{key.name:24} {','.join(key.scopes):16} {limit:24} {key.created}")


@keys.command("remove")
@click.argument("name")
@file_option
def remove_key(name: str, file: str) -> None:
    """Remove the key of NAME; requests with it are refused within a second."""
    with errors_as_sentences():
        remove(file, name)
    click.echo(f"{name} is removed")

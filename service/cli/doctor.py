"""doctor FILE: what a file is and what it needs, without opening it."""

from __future__ import annotations

from pathlib import Path

import click

from .options import errors_as_sentences

__all__ = ["doctor"]


@click.command()
@click.argument("file", type=Path)
def doctor(file: Path) -> None:
    """Say what FILE is, what it was made with, what it would import, what it needs here, and whether it would compile.

    Nothing of it is run.
    """
    with errors_as_sentences("pack"):
        from ..packing.doctor import examine

        for heading, sentence in examine(file):
            click.echo(f"{heading:16} {sentence}")

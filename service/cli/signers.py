"""python -m service signers: key pairs, and the file of the public keys that a server asks for.

python -m service signers make maria.pem                                  # prints the public key
python -m service signers add maria PUBLIC --may pack --may promote
python -m service signers list
python -m service signers remove maria
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from .options import errors_as_sentences

__all__ = ["signers"]

RIGHTS = ("pack", "promote")
file_option = click.option(
    "--file",
    required=True,
    envvar="DAYLIGHT_SIGNERS_FILE",
    help="The file of public keys (default: DAYLIGHT_SIGNERS_FILE).",
)


@click.group()
def signers() -> None:
    """Key pairs that sign models: make, add, list, remove."""


@signers.command("make")
@click.argument("file", type=Path)
def make_key(file: Path) -> None:
    """Make a key pair: the private key into FILE, which nobody else may read; the public one is printed."""
    with errors_as_sentences():
        from ..store.key_pairs import make_private_key

        public = make_private_key(file)
    click.echo(f"the private key is in {file} (DAYLIGHT_PRIVATE_KEY); its public key, for `signers add`:", err=True)
    click.echo(public)


@signers.command("add")
@click.argument("name")
@click.argument("public")
@click.option("--may", multiple=True, type=click.Choice(RIGHTS), default=RIGHTS, help="Repeatable; default: both.")
@file_option
def add_key(name: str, public: str, may: Sequence[str], file: str) -> None:
    """Accept what is signed with the private key of PUBLIC."""
    with errors_as_sentences():
        from ..store.key_pairs import add_signer

        add_signer(file, name, public, may)
    click.echo(f"{name} may {' and '.join(may)}")


@signers.command("list")
@file_option
def list_keys(file: str) -> None:
    """List the signers: names, what they may do, since when."""
    with errors_as_sentences():
        from ..store.key_pairs import read_signers

        for signer in read_signers(file):
            click.echo(f"{signer.name:24} {','.join(signer.may):16} {signer.public} {signer.created}")


@signers.command("remove")
@click.argument("name")
@file_option
def remove_key(name: str, file: str) -> None:
    """Accept nothing any more that NAME has signed: neither versions, nor histories that end with NAME's."""
    with errors_as_sentences():
        from ..store.key_pairs import remove_signer

        remove_signer(file, name)
    click.echo(f"{name} is removed")

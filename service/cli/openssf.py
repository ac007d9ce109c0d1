"""python -m service openssf: signatures of versions that the tool of OpenSSF Model Signing checks.

python -m service openssf sign tumour --key release.pem -o tumour.sig
python -m service openssf verify tumour --key release.pub --signature tumour.sig
"""

from __future__ import annotations

from pathlib import Path

import click

from .completion import models_of, versions_of
from .options import errors_as_sentences, open_store, settings, store_option

__all__ = ["openssf"]

name_argument = click.argument("name", shell_complete=models_of)
version_argument = click.argument("version", required=False, shell_complete=versions_of)


@click.group()
def openssf() -> None:
    """Signatures in the format of OpenSSF Model Signing: sign, verify."""


@openssf.command("sign")
@name_argument
@version_argument
@click.option("--key", required=True, type=Path, help="An ECDSA private key, a PEM file without a passphrase.")
@click.option("-o", "--out", type=Path, help="The signature's file (default: NAME-VERSION.sig).")
@store_option
def sign(name: str, version: str | None, key: Path, out: Path | None, store: Path | str | None) -> None:
    """Sign VERSION of NAME (default: the current one) for those who have its files and no Daylight."""
    with errors_as_sentences():
        from ..store.openssf import write_signature

        stored = open_store(store, settings()).open(name, version)
        target = out or Path(f"{name}-{stored.manifest.version}.sig")
        write_signature(stored.folder, key, target)
    click.echo(f"signed {stored.folder} into {target}; to check it with OpenSSF's tool:")
    click.echo(f"model_signing verify key {stored.folder} --signature {target} --public_key KEY.pub")


@openssf.command("verify")
@name_argument
@version_argument
@click.option("--key", required=True, type=Path, help="The public key of whoever has signed, a PEM file.")
@click.option("--signature", required=True, type=Path, help="The signature's file.")
@store_option
def verify(name: str, version: str | None, key: Path, signature: Path, store: Path | str | None) -> None:
    """Check a signature of VERSION of NAME (default: the current one), whether it was made here or by the tool."""
    with errors_as_sentences():
        from ..store.openssf import check_signature

        stored = open_store(store, settings()).open(name, version)
        check_signature(stored.folder, key, signature)
    click.echo(f"{name} version {stored.manifest.version}: signed by the owner of {key}")

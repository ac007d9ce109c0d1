"""image NAME...: a container image with these models and only what they need."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import ArtifactMissing, StartupError
from ..models import check_stored
from ..store.missing import did_you_mean
from .completion import models_of
from .options import errors_as_sentences, open_store, settings, store_option

__all__ = ["image"]

ENGINES = ("docker", "podman", "buildah")
FURTHER = ("arrow", "otel", "redis", "signers", "stores")  # extras that a server's settings and callers may ask for


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=models_of)
@click.option("-o", "--out", type=Path, default=Path("image"), help="The folder to write into (default: image).")
@click.option("-t", "--tag", help="The image's name (default: NAME and its version).")
@click.option("--mount", is_flag=True, help="Leave the models out: the store is mounted at /mnt/models.")
@click.option("--with", "extras", multiple=True, type=click.Choice(FURTHER), help="A further extra; repeatable.")
@click.option("--build/--no-build", default=None, help="Build it (default: where docker, podman or buildah works).")
@store_option
def image(
    names: Sequence[str],
    out: Path,
    tag: str | None,
    mount: bool,
    extras: Sequence[str],
    build: bool | None,
    store: Path | str | None,
) -> None:
    """Write a Dockerfile, and what it copies, for an image that serves the current versions of these models."""
    from .image_context import write_context

    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences():
        if unknown := [name for name in names if name not in opened.models()]:
            said = ", ".join(f"{name}{did_you_mean(name, opened.models())}" for name in unknown)
            raise ArtifactMissing(f"the store {opened.root} has no model {said}")
        versions = [opened.open(name) for name in dict.fromkeys(names)]
        for version in versions:
            check_stored(version, configured)
        first = versions[0].manifest
        tag = tag or f"{first.model.lower()}:{first.version.lower()}"
        engine = working_engine() if build is not False else None
        if build and engine is None:
            raise StartupError(f"none of {', '.join(ENGINES)} works here; without --build the folder is written alone")
        path = write_context(out, versions, tag, mounted=mount, further=extras)
    click.echo(f"wrote {path}")
    if engine is None:
        click.echo(f"next, where docker, podman or buildah is: docker build -t {tag} {out}")
        return
    raise SystemExit(subprocess.run([engine, "build", "-t", tag, str(out)], check=False).returncode)


def working_engine() -> str | None:
    """The first of ENGINES that answers: a docker client without its daemon builds nothing."""
    for engine in ENGINES:
        if shutil.which(engine):
            asked = subprocess.run([engine, "info"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if asked.returncode == 0:
                return engine
    return None

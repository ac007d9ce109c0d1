"""pack FILE: make a version of whatever FILE is, and print what was learned of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..store.versions import Store, StoredVersion
from .following import followers
from .options import errors_as_sentences, message_option, sample_options, settings, store_option
from .promotion import check_callers, make_current

__all__ = ["pack", "pack_any", "print_version"]

WEIGHTS = (".pt", ".pth", ".bin", ".safetensors")
CATEGORIES = 6  # of a column that are printed


@click.command()
@click.argument("file", type=Path)
@sample_options
@click.option("--version", help="The version's name (default: the next number).")
@click.option(
    "--runtime",
    type=click.Choice(["auto", "sklearn"]),
    default="auto",
    help="auto compiles what is proven equal to scikit-learn.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "int8", "int4"]),
    default="float32",
    help="Of a compiled text model's weights; fewer bits are quicker, and write other texts.",
)
@click.option(
    "--promote/--no-promote", "promoted", default=None, help="Make it the current version (default: DAYLIGHT_PROMOTE)."
)
@click.option("--breaking", "may_break", is_flag=True, help="Even where callers of the current version would break.")
@message_option
@store_option
def pack(
    file: Path, store: Path | None, *, promoted: bool | None, may_break: bool, message: str, **options: Any
) -> None:
    """Pack FILE: a .pkl, .joblib or .skops of a fitted estimator, a folder with a text-generation
    checkpoint, or mymodel.py:Class."""
    configured = settings()
    root = store or configured.store
    version = pack_any(file, root, promote=False, why=message, **options)
    print_version(version)
    name, number = version.manifest.model, version.manifest.version
    if not (configured.promote == "auto" if promoted is None else promoted):
        click.echo(f"it is not promoted: promote {name} {number}")
        return
    opened = Store.of(configured, root)
    with errors_as_sentences():
        check_callers(opened, name, number, may_break=may_break)
        make_current(opened, name, number, configured, message, followers(opened, name, configured))


def pack_any(
    file: Path,
    store: Path,
    *,
    name: str | None = None,
    data: Path | None = None,
    target: Sequence[str] = (),
    version: str | None = None,
    trust: Sequence[str] = (),
    code: Sequence[Path] = (),
    files: Path | None = None,
    runtime: str = "auto",
    precision: str = "float32",
    promote: bool = True,
    why: str = "",
) -> StoredVersion:
    """Pack by what FILE is; every error is one sentence on stderr."""
    common: dict[str, Any] = {"name": name, "version": version, "store": store, "promote": promote, "why": why}
    with errors_as_sentences():
        if file.is_dir():
            from ..packing.checkpoint import pack_checkpoint

            return pack_checkpoint(file, precision=precision, **common | {"name": name or file.resolve().name})
        if ".py:" in file.name:
            from ..packing.python_class import pack_class

            return pack_class(file, files=files, code=code, **common)
        if file.suffix == ".py":
            raise ValueError(f"{file} is a Python file; name the class in it: {file}:Class")
        if file.suffix in WEIGHTS:
            raise ValueError(weights_alone(file))
        from ..packing import pack_file

        return pack_file(file, data=data, target=target, trust=trust, code=code, runtime=runtime, **common)


def weights_alone(file: Path) -> str:
    """Why a file of torch weights cannot be packed by itself. Raises ValueError where it holds more than weights."""
    from ..packing.checkpoint import read_state_dict

    if file.suffix != ".safetensors":
        read_state_dict(file)
    return f"{file} holds weights alone; pack the folder that holds them with their config.json and tokenizer"


def print_version(version: StoredVersion) -> None:
    """Print what was learned of a version: its columns, outputs, runtime and notes."""
    manifest = version.manifest
    click.echo(f"packed {version} ({manifest.kind}) into {version.folder}")
    columns = manifest.spec.get("columns", [])
    if columns:
        width = max(len("column"), *(len(column["name"]) for column in columns))
        click.echo(f"{'column':{width}}  {'kind':8}  nullable  values")
        for column in columns:
            nullable = "yes" if column["nullable"] else "no"
            click.echo(f"{column['name']:{width}}  {column['kind']:8}  {nullable:8}  {values_of(column)}")
    for name, output in manifest.spec.get("outputs", {}).items():
        labels = f"  labels {', '.join(map(str, output['labels']))}" if "labels" in output else ""
        click.echo(f"output {name}: {output['dtype']}{labels}")
    if "runtime" in manifest.spec:
        click.echo(f"runtime {runtime_sentence(manifest.spec['runtime'])}")
    for note in manifest.spec.get("notes", []):
        click.echo(f"note: {note}")


def values_of(column: dict[str, Any]) -> str:
    """The values that a column had in the sample, in a few words."""
    if "categories" in column:
        more = ", ..." if len(column["categories"]) > CATEGORIES else ""
        return ", ".join(map(str, column["categories"][:CATEGORIES])) + more
    return f"{column['minimum']} to {column['maximum']}" if "minimum" in column else ""


def runtime_sentence(runtime: dict[str, Any]) -> str:
    """What executes a model, what was proven of it, and what one row costs."""
    times = ", ".join(f"{name} {each:.0f}" for name, each in runtime.get("microseconds", {}).items())
    timed = f" (microseconds a row: {times})" if times else ""
    if runtime.get("reason"):  # it was not compiled
        return f"{runtime['name']}: {runtime['reason']}{timed}"
    if "perplexity" in runtime:
        perplexity = runtime["perplexity"]
        return (
            f"{runtime['name']}, {runtime['precision']} weights: {runtime['equal_tokens']:.1%} of transformers' own "
            f"greedy tokens; perplexity {perplexity['compiled']:.2f}, transformers' {perplexity['torch']:.2f}"
        )
    return (
        f"{runtime['name']}: equal to scikit-learn on {runtime['rows']} rows, numbers to {runtime['measured']:.0e}, "
        f"{runtime['close_rows']} rows too close to call, {runtime['ties']} ties{timed}"
    )

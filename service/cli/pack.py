"""pack FILE: make a version of whatever FILE is, and print what was learned of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from ..errors import StartupError
from ..store.versions import Store, StoredVersion
from .boxing import pack_in_sandbox, uses_sandbox
from .describe import say
from .following import followers
from .options import (
    about_options,
    errors_as_sentences,
    message_option,
    open_store,
    sample_options,
    settings,
    store_option,
)
from .pack_any import default_name, on_this_machine, pack_any
from .promotion import check_callers, make_current

__all__ = ["pack", "print_version"]

CATEGORIES = 6  # of a column that are printed
WIDE = 24  # columns; of a model with more, only the first are printed
FIRST = 8


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
    "--context-length",
    type=click.IntRange(min=2),
    help="Tokens of a text model's prompt and completion together (default: what its config tells).",
)
@click.option(
    "--task",
    type=click.Choice(["rerank", "zero-shot", "classify"]),
    help="What a checkpoint is for, where its files do not say it.",
)
@click.option(
    "--promote/--no-promote", "promoted", default=None, help="Make it the current version (default: DAYLIGHT_PROMOTE)."
)
@click.option("--breaking", "may_break", is_flag=True, help="Even where callers of the current version would break.")
@click.option(
    "--sandbox/--no-sandbox",
    default=None,
    help="Open it in a process without network, other files, and unbounded memory (default: where it may run code).",
)
@click.option("--all-columns", is_flag=True, help="Print every column, however many there are.")
@about_options
@message_option
@store_option
def pack(
    file: Path,
    store: Path | str | None,
    *,
    promoted: bool | None,
    may_break: bool,
    sandbox: bool | None,
    message: str,
    about: dict[str, Any],
    all_columns: bool,
    **options: Any,
) -> None:
    """Pack FILE: a .pkl, .joblib or .skops of a fitted estimator, a model that XGBoost, LightGBM or CatBoost
    has saved, an .onnx file, a .pt2 that torch.export has saved, the folder of an MLflow model or models:/NAME/3 or
    models:/NAME@ALIAS of a registry (MLFLOW_TRACKING_URI), a folder with a checkpoint, or mymodel.py:Class."""
    configured = settings()
    file = on_this_machine(file)
    opened = open_store(store, configured)
    options["name"] = options["name"] or free_name(file, opened)
    if uses_sandbox(file, sandbox, options["code"]):
        version = pack_in_sandbox(file, opened, configured, why=message, **options)
    else:
        version = pack_any(file, store or configured.store, promote=False, why=message, **options)
    print_version(version, all_columns=all_columns)
    name, number = version.manifest.model, version.manifest.version
    if about:
        with errors_as_sentences():
            say(opened.root, name, about, version)
    if not (configured.promote == "auto" if promoted is None else promoted):
        click.echo(f"it is not promoted: promote {name} {number}")
        return
    with errors_as_sentences():
        check_callers(opened, name, number, may_break=may_break)
        make_current(opened, name, number, configured, message, followers(opened, name, configured))
    click.echo(f"next: daylight serve, then ask http://{configured.host}:{configured.port}/v1/models/{name}:predict")


def free_name(file: Path, store: Store) -> str:
    """The name of a model that is given none: the file's, with its suffix where a file of another one has that name.

    m.json and m.txt are two models: neither is to take the other's callers.
    """
    name = default_name(file)
    try:
        before = store.open(name).manifest.provenance.get("source", "")
    except (StartupError, ValueError):  # there is none, it is broken, or this is no name
        return name
    if not file.is_file() or Path(before).stem != file.stem or Path(before).suffix == file.suffix:
        return name
    other = f"{name}-{file.suffix.removeprefix('.')}"
    click.echo(
        f"{name} was packed from {before}, so this is {other}; --name {name} makes it a version of that", err=True
    )
    return other


def print_version(version: StoredVersion, *, all_columns: bool = False) -> None:
    """Print what was learned of a version: its columns, outputs, runtime and notes; of many columns the first."""
    manifest = version.manifest
    click.echo(f"packed {version} ({manifest.kind}) into {version.folder}")
    columns = manifest.spec.get("columns", [])
    if columns:
        printed = columns if all_columns or len(columns) <= WIDE else columns[:FIRST]
        width = max(len("column"), *(len(column["name"]) for column in printed))
        click.echo(f"{'column':{width}}  {'kind':8}  nullable  values")
        for column in printed:
            nullable = "yes" if column["nullable"] else "no"
            click.echo(f"{column['name']:{width}}  {column['kind']:8}  {nullable:8}  {values_of(column)}")
        if left := columns[len(printed) :]:
            kinds = Counter("never read" if column.get("unread") else column["kind"] for column in left)
            listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            click.echo(f"and {len(left)} more: {listed} (--all-columns prints them)")
    for name, taken in manifest.spec.get("inputs", {}).items():
        click.echo(f"input {name}: {taken['dtype']} {shape_of(taken)}")
    for name, output in manifest.spec.get("outputs", {}).items():
        labels = f"  labels {', '.join(map(str, output['labels']))}" if "labels" in output else ""
        shape = f" {shape_of(output)}" if "inputs" in manifest.spec else ""
        click.echo(f"output {name}: {output['dtype']}{shape}{labels}")
    if manifest.metrics:
        click.echo(f"score {', '.join(f'{name} {value}' for name, value in manifest.metrics.items())}")
    if "runtime" in manifest.spec:
        click.echo(f"runtime {runtime_sentence(manifest.spec['runtime'])}")
    for note in manifest.spec.get("notes", []):
        click.echo(f"note: {note}")


def shape_of(tensor: dict[str, Any]) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in tensor['shape'])}]"


def values_of(column: dict[str, Any]) -> str:
    """The values that a column had in the sample, in a few words."""
    if column.get("unread"):
        return "(never read)"
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
    if "images" in runtime:
        return (
            f"{runtime['name']}, {runtime['precision']} weights: equal to transformers on {runtime['images']} images, "
            f"numbers to {runtime['measured']:.0e}, alone and among others to {runtime['neighbors']:.0e}"
        )
    if "texts" in runtime:
        return (
            f"{runtime['name']}, {runtime['precision']} weights: equal to torch on {runtime['texts']} texts, numbers "
            f"to {runtime['measured']:.0e}, alone and among others to {runtime['neighbors']:.0e}"
        )
    if "inputs" in runtime:
        rows = ", ".join(map(str, runtime["rows"]))
        return (
            f"{runtime['name']}: equal to {runtime['reference']} on {runtime['inputs']} inputs of {rows} rows, numbers "
            f"to {runtime['measured']:.0e} of the largest"
        )
    reference = runtime.get("reference", "scikit-learn")
    return (
        f"{runtime['name']}: equal to {reference} on {runtime['rows']} rows, numbers to {runtime['measured']:.0e}, "
        f"{runtime['close_rows']} rows too close to call, {runtime['ties']} ties{timed}"
    )

"""predict NAME IN -o OUT: score a file of rows, or a folder of them, offline."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..batch.formats import ENDINGS, FORMATS, STANDARD, format_of, without_ending
from ..capabilities import summary
from ..store.versions import Store
from .completion import models_of
from .options import errors_as_sentences, open_store, settings, store_option

if TYPE_CHECKING:
    from ..batch.run import Engine, Summary
    from ..batch.task import Task

__all__ = ["predict"]

ENGINES = ("local", "ray")
FAILED, REJECTED = 1, 3  # exit codes
SHOWN = 10  # files that failed


@click.command(epilog="Exit codes: 0 every row is scored, 1 a file is not, 2 wrong usage, 3 rows were rejected.")
@click.argument("name", shell_complete=models_of)
@click.argument("source", metavar="IN")
@click.option(
    "-o", "--out", help="Where the scored rows go: a file, a folder, or - for CSV on stdout (default: IN.scored)."
)
@click.option("--rejects", help="Where the rows of one file that cannot be scored go (default: beside --out).")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of the files in --out.")
@click.option("--outputs", help="What to compute, separated by commas (default: the prediction).")
@click.option("--prefix", default="", help="Put before the names of the new columns.")
@click.option("--version", help="The version to score with (default: the current one).")
@click.option(
    "--escape-formulas", is_flag=True, help="Put ' before texts of CSV that a spreadsheet would take for formulas."
)
@click.option(
    "--processes", type=click.IntRange(1), help="How many score at once (default: as many as there are processors)."
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    help="What scores: processes of this machine, or a Ray cluster.",
)
@click.option(
    "--ray-address",
    envvar="RAY_ADDRESS",
    help="The cluster of --engine ray (default: RAY_ADDRESS, or one of this machine for the run).",
)
@click.option("--part-rows", type=click.IntRange(1), default=250_000, help="Rows of a part, about (default: 250,000).")
@click.option("--overwrite", is_flag=True, help="Delete what earlier runs have written into the folder --out.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on stdout, for programs.")
@store_option
def predict(
    name: str,
    source: str,
    out: str | None,
    rejects: str | None,
    form: str | None,
    outputs: str | None,
    prefix: str,
    version: str | None,
    escape_formulas: bool,
    processes: int | None,
    engine: str,
    ray_address: str | None,
    part_rows: int,
    overwrite: bool,
    as_json: bool,
    store: Path | str | None,
) -> None:
    """Score IN with the model NAME, as the service would: a file, a folder, a pattern, or - for CSV on stdin.

    Formats are CSV, Parquet, Arrow and JSON lines, told by the names of the files.
    """
    with errors_as_sentences("ray" if engine == "ray" else "pack"):
        from ..batch import run
        from ..batch.task import Task

        scoring = engine_of(engine, processes, ray_address)
    configured = settings()
    out = out or default_out(source)
    to_file = is_file(source, out)
    if as_json and out == "-":
        raise click.UsageError("--json has stdout for itself; name a file with -o")
    for option, given in (("--format", form), ("--overwrite", overwrite)):
        if given and to_file:
            raise click.UsageError(f"{option} is for a folder; {out} is one file")
    if rejects and not to_file:
        raise click.UsageError(f"--rejects is for one file; those of a folder are in {out}/_rejects")
    with errors_as_sentences():
        kept = rejects or (default_rejects(source, out) if to_file else f"{out}/_rejects")
        if to_file:
            check_endings(out, kept)
        opened = open_store(store, configured)
        task = Task(
            configured,
            opened.root.resolve(),
            name,
            checked_version(opened, name, version),
            Path(out),
            tuple(outputs.split(",")) if outputs else (),
            prefix,
            escape_formulas,
        )
        with watching(name) as watch:
            if to_file:
                done = run.score_file(task, source, out, kept, part_rows=part_rows, engine=scoring, watch=watch)
            else:
                done = run.score_folder(
                    task, source, form=form, part_rows=part_rows, engine=scoring, watch=watch, overwrite=overwrite
                )
    tell(done, task, out, kept, as_json=as_json)
    sys.exit(FAILED if done.failed else REJECTED if done.rejected else 0)


def engine_of(name: str, processes: int | None, ray_address: str | None) -> Engine:
    """What scores the parts of a run."""
    if name == "ray":
        from ..batch.on_ray import score_on_ray

        return partial(score_on_ray, address=ray_address or None, processes=processes)
    if click.get_current_context().get_parameter_source("ray_address") == ParameterSource.COMMANDLINE:
        raise click.UsageError("--ray-address is for --engine ray")
    from ..batch.local import score_locally

    return partial(score_locally, processes=processes)


def default_out(source: str) -> str:
    """Beside what is scored: rows.csv -> rows.scored.csv, rows/ -> rows.scored; standard output for standard input."""
    path = Path(source)
    if source == STANDARD:
        return STANDARD
    if path.is_dir() or not path.exists():
        return f"{path}.scored"
    form = format_of(path)
    ending = f".{form.name}" if form and form.compression else path.suffix
    return str(path.with_name(f"{without_ending(path.name)}.scored{ending}"))


def default_rejects(source: str, out: str) -> str:
    """Beside the scored file, in its format; JSON lines stay such, which any row fits into."""
    if out == STANDARD:
        return "rejects.csv"
    form = format_of(source)
    path = Path(out)
    ending = ".jsonl" if form and form.name == "jsonl" else path.suffix
    return str(path.with_name(f"{without_ending(path.name)}.rejects{ending}"))


def is_file(source: str, out: str) -> bool:
    """Whether the rows go into one file, as the name says; a single file with an odd ending is meant to be one, too."""
    if out.endswith("/") or Path(out).is_dir() or (source != STANDARD and not Path(source).is_file()):
        return source == STANDARD
    return format_of(out) is not None or bool(Path(out).suffix)


def check_endings(*paths: str) -> None:
    """Raise ValueError for a name whose ending no format has: it would be written as something else."""
    for path in paths:
        form = format_of(path)
        if form is None or form.compression:
            raise ValueError(f"{path}: expected a name that ends with {', '.join(ENDINGS)}, or - for CSV on stdout")


def checked_version(store: Store, name: str, version: str | None) -> str:
    """The version to score with. Raises StartupError, ValueError where it scores no files."""
    from .. import models
    from ..batch.texts import SCORED

    found = store.open(name, version)
    capabilities = models.capabilities_of(found)
    if not any(each in SCORED for each in capabilities):
        *others, last = (each.verb for each in SCORED)
        raise ValueError(f"{name} {summary(capabilities)}; a file needs one that {', '.join(others)} or {last}")
    return found.manifest.version


class Watch:
    """A line on a terminal: how far it is, rows a second, time left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bar: Any = None
        self.rows = 0
        self.began = monotonic()

    def begin(self, weight: int) -> None:
        self.bar = click.progressbar(
            length=weight,
            label=f"scoring with {self.name}",
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
            item_show_func=lambda _: f"{self.rows:,} rows, {self.rows / max(1e-9, monotonic() - self.began):,.0f}/s",
        )
        self.bar.__enter__()

    def step(self, read: int, done: int) -> None:
        self.rows += done
        self.bar.update(read)


@contextmanager
def watching(name: str) -> Iterator[Watch]:
    watch = Watch(name)
    try:
        yield watch
    finally:
        if watch.bar is not None:
            watch.bar.__exit__(None, None, None)


def tell(done: Summary, task: Task, out: str, rejects: str, *, as_json: bool) -> None:
    """Say what came of it: for people on stderr, for programs on stdout."""
    for warning in done.warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        kept = rejects if done.rejected else None
        told = {"model": task.name, "version": task.version, "out": out, "rejects": kept} | done.to_json()
        click.echo(json.dumps(told))
        return
    for file, why in list(done.failed.items())[:SHOWN]:
        click.echo(f"{file}: {why}", err=True)
    rejected = f"; {done.rejected} rejected, with the reasons in {rejects}" if done.rejected else ""
    into = "" if out == "-" or not done.scored else f" into {out}"
    click.echo(f"{done.scored} rows scored{into}{rejected}", err=True)
    if done.finished:
        click.echo(f"{done.finished} of {done.parts} parts were finished by an earlier run", err=True)
    if done.others:
        click.echo(f"{done.others} files are of no format that is known, and were passed over", err=True)
    if done.failed:
        click.echo(
            f"{len(done.failed)} of {done.files} files could not be scored; the same command tries them again", err=True
        )

"""replay NAME LOG_OR_FILE --version V: which answers another version would change, and by how much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ..capabilities import PREDICT_TABLE, summary
from ..store.versions import Store
from .options import errors_as_sentences, json_option, open_store, settings, store_option
from .promotion import proven

__all__ = ["replay"]

SHOWN = 5  # rows, reasons and changes of labels


@click.command()
@click.argument("name")
@click.argument("source", metavar="LOG_OR_FILE")
@click.option("--version", required=True, help="The version that is asked.")
@click.option("-o", "--out", type=Path, help="Write a report with plots, one file of HTML.")
@json_option
@store_option
def replay(name: str, source: str, version: str, out: Path | None, store: Path | str | None, *, as_json: bool) -> None:
    """Ask another version of the model NAME what was asked, and say which answers change, and by how much.

    LOG_OR_FILE is a prediction log, its folder or one of its files, or a file of rows, which both versions then answer.
    """
    with errors_as_sentences("pack"):
        from ..batch.replay import run
        from ..batch.replay.report import html
    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences():
        check_table(opened, name, version)
        new = proven(opened, name, version, configured)
        comparison = run.replay(new, lambda: proven(opened, name, None, configured), source)
        told = {"model": name, "version": version} | comparison.summary()
        if out is not None:
            out.write_text(html(name, version, comparison), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, default=str))
        return
    for line in lines(told):
        click.echo(line)
    if out is not None:
        click.echo(f"the report is in {out}")


def check_table(store: Store, name: str, version: str) -> None:
    """Raises StartupError, ValueError where the version predicts no tables."""
    from .. import models

    capabilities = models.capabilities_of(store.open(name, version))
    if PREDICT_TABLE not in capabilities:
        raise ValueError(f"{name} {summary(capabilities)}; only answers of a model that predicts tables are replayed")


def lines(told: dict[str, Any]) -> Iterator[str]:
    """The outcome for people."""
    answered = ", ".join(f"{rows:,} by version {version}" for version, rows in told["versions"].items())
    yield f"{told['rows']:,} rows compared with version {told['version']}; answered before: {answered}"
    if told["refused"]:
        yield f"{told['refused']:,} rows are not taken by version {told['version']}:"
        yield from (f"    {rows:,} {reason}" for reason, rows in list(told["reasons"].items())[:SHOWN])
    for name, found in told["outputs"].items():
        yield f"{name}: {found['changed']:,} of {found['rows']:,} change"
        if "differences" in found:
            yield "    by " + ", ".join(f"{each} {value:.4g}" for each, value in found["differences"].items())
        for change in found.get("labels", ())[:SHOWN]:
            yield f"    {change['rows']:,} from {change['was']} to {change['now']}"
        for one in found["most"][:SHOWN]:
            where = " ".join(str(one[each]) for each in ("request", "row") if each in one)
            yield f"    row {where}: {json.dumps(one['was'])} -> {json.dumps(one['now'])}"

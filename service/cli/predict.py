"""predict NAME IN -o OUT: score a file of rows offline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..capabilities import PREDICT_TABLE, summary
from ..store.versions import Store
from .options import errors_as_sentences, settings, store_option

__all__ = ["predict"]

ENDINGS = (".csv", ".parquet")


@click.command()
@click.argument("name")
@click.argument("source", metavar="IN")
@click.option(
    "-o", "--out", help="Where the scored rows go: a .csv, a .parquet or - for CSV on stdout (default: IN.scored.csv)."
)
@click.option("--rejects", help="Where the rows that cannot be scored go (default: beside --out).")
@click.option("--outputs", help="What to compute, separated by commas (default: the prediction).")
@click.option("--version", help="The version to score with (default: the current one).")
@click.option(
    "--escape-formulas", is_flag=True, help="Put ' before texts of CSV that a spreadsheet would take for formulas."
)
@store_option
def predict(
    name: str,
    source: str,
    out: str | None,
    rejects: str | None,
    outputs: str | None,
    version: str | None,
    escape_formulas: bool,
    store: Path | None,
) -> None:
    """Score the file IN (.csv, .parquet, or - for CSV on stdin) with the model NAME, as the service would."""
    with errors_as_sentences("pack"):
        from .. import models
        from ..batch.scoring import score

    configured = settings()
    out = out or default_out(source)
    rejects = rejects or ("rejects.csv" if out == "-" else f"{Path(out).with_suffix('')}.rejects{Path(out).suffix}")
    with errors_as_sentences():
        for path in (out, rejects):
            check_ending(path)
        model = models.load(Store.of(configured, store or configured.store).open(name, version), configured)
        if PREDICT_TABLE not in model.capabilities:
            raise ValueError(f"{name} {summary(model.capabilities)}; only a model that predicts tables scores a file")
        model.warm_up()
        with click.progressbar(length=length_of(source), label=f"scoring with {name}", file=sys.stderr) as bar:
            names = outputs.split(",") if outputs else None
            tally = score(
                model,
                source,
                out,
                rejects=rejects,
                outputs=names,
                escape_formulas=escape_formulas,
                progress=bar.update,
            )
    rejected = f"; {tally.rejected} rejected, with the reasons in {rejects}" if tally.rejected else ""
    into = "" if out == "-" else f" into {out}"
    click.echo(f"{tally.scored} rows scored{into}{rejected}", err=True)


def default_out(source: str) -> str:
    """Beside the file: rows.csv -> rows.scored.csv; standard output for standard input."""
    path = Path(source)
    return "-" if source == "-" else str(path.with_name(f"{path.stem}.scored{path.suffix}"))


def check_ending(path: str) -> None:
    """Raise ValueError for a name whose ending no format has: it would be written as something else."""
    if path != "-" and Path(path).suffix not in ENDINGS:
        raise ValueError(f"{path}: expected a name that ends with {' or '.join(ENDINGS)}, or - for CSV on stdout")


def length_of(source: str) -> int:
    """How long `source` is for the progress bar: rows of Parquet, bytes of CSV; 0 on standard input."""
    if source.endswith(".parquet"):
        import pyarrow.parquet as pq

        return pq.read_metadata(source).num_rows
    return 0 if source == "-" else Path(source).stat().st_size

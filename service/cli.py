"""The command line: python -m service (installed: daylight).

pack FILE makes an immutable version of a trained model, models lists what the store
holds, serve starts the server; serve FILE does it all, from a pickle to an endpoint.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from service.errors import ServiceError, StartupError
from service.settings import PREFIX, Settings
from service.store.versions import Store

__all__ = ["main"]

HOME = Path(__file__).resolve().parent

store_option = click.option("--store", type=Path, help="The folder of models (default: DAYLIGHT_STORE, or artifacts/).")


@click.group()
def main():
    """Daylight: from a trained model to a production endpoint."""


def packing_options(command):
    for option in reversed(
        [
            click.argument("file", type=click.Path(exists=True, path_type=Path)),
            click.option("--name", help="The model's name (default: the file's)."),
            click.option("--data", type=click.Path(exists=True, path_type=Path), help="CSV of sample rows."),
            click.option("--target", multiple=True, help="A column of --data that is not an input; repeatable."),
            click.option("--version", help="The version's name (default: the next number)."),
        ]
    ):
        command = option(command)
    return command


@main.command()
@packing_options
@store_option
def pack(file, name, data, target, version, store):
    """Pack FILE: a .pkl or .joblib of a fitted estimator, or a folder with a text-generation checkpoint."""
    show(packed(file, name, data, target, version, store or settings().store))


@main.command()
@store_option
def models(store):
    """List the models of the store, with their versions; * marks the current one."""
    store = Store(store or settings().store)
    try:
        for name in store.models():
            current = store.open(name)
            listed = " ".join(f"{one}*" if one == current.manifest.version else one for one in store.versions(name))
            metrics = ", ".join(f"{key} {value}" for key, value in current.manifest.metrics.items())
            click.echo(f"{name:24} {current.manifest.kind:16} {listed:16} {metrics}")
    except StartupError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--name", help="The model's name (default: the file's).")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="CSV of sample rows.")
@click.option("--target", multiple=True, help="A column of --data that is not an input; repeatable.")
def serve(file, name, data, target):
    """Serve the store; with FILE, pack it into a temporary store and serve that."""
    if file is None:
        sys.exit(run_server({}))
    with tempfile.TemporaryDirectory(prefix="daylight-") as folder:
        show(packed(file, name, data, target, None, Path(folder)))
        code = run_server({f"{PREFIX}STORE": folder})
    sys.exit(code)


@main.command()
@click.argument("name")
@click.argument("source", metavar="IN")
@click.option("-o", "--out", required=True, help="Where the scored rows go: a .csv, a .parquet or - for CSV on stdout.")
@click.option("--rejects", help="Where the rows that cannot be scored go (default: beside --out).")
@click.option("--outputs", help="What to compute, separated by commas (default: the prediction).")
@click.option("--version", help="The version to score with (default: the current one).")
@store_option
def predict(name, source, out, rejects, outputs, version, store):
    """Score the file IN (.csv, .parquet, or - for CSV on stdin) with the model NAME, as the service would."""
    from service import models
    from service.scoring import score

    found = settings()
    rejects = rejects or ("rejects.csv" if out == "-" else f"{Path(out).with_suffix('')}.rejects{Path(out).suffix}")
    try:
        model = models.load(Store(store or found.store).open(name, version), found)
        model.warm_up()
        with click.progressbar(length=length_of(source), label=f"scoring with {name}", file=sys.stderr) as bar:
            outputs = outputs.split(",") if outputs else None
            tally = score(model, source, out, rejects=rejects, outputs=outputs, progress=bar.update)
    except (ValueError, OSError, ServiceError, StartupError) as error:
        raise click.ClickException(str(error)) from None
    told = f"; {tally.rejected} rejected, with the reasons in {rejects}" if tally.rejected else ""
    click.echo(f"{tally.scored} rows scored{told}", err=True)


def length_of(source):
    """What the progress of reading `source` is counted in: rows of Parquet, bytes of CSV; 0 on standard input."""
    if source.endswith(".parquet"):
        import pyarrow.parquet as pq

        return pq.read_metadata(source).num_rows
    return 0 if source == "-" else Path(source).stat().st_size


def packed(file, name, data, target, version, store):
    """Pack by what FILE is; every refusal is one sentence on stderr."""
    try:
        if file.is_dir():
            from service.packing.text import pack_checkpoint  # torch, and only for text

            return pack_checkpoint(file, name=name or file.resolve().name, version=version, store=store)
        from service.packing import pack_file

        return pack_file(file, name=name, data=data, target=target, version=version, store=store)
    except (ValueError, OSError, StartupError, ImportError) as error:
        raise click.ClickException(str(error)) from None


def show(version):
    """What was learnt, as a table, and what was not."""
    manifest = version.manifest
    click.echo(f"packed {version} ({manifest.kind}) into {version.folder}")
    columns = manifest.spec.get("columns", [])
    if columns:
        width = max(len(column["name"]) for column in columns)
        click.echo(f"{'column':{width}}  {'kind':8}  nullable  values")
    for column in columns:
        values = f"{column['minimum']} to {column['maximum']}" if "minimum" in column else ""
        if "categories" in column:
            values = ", ".join(map(str, column["categories"][:6])) + (", ..." if len(column["categories"]) > 6 else "")
        nullable = "yes" if column["nullable"] else "no"
        click.echo(f"{column['name']:{width}}  {column['kind']:8}  {nullable:8}  {values}")
    for name, output in manifest.spec.get("outputs", {}).items():
        labels = f"  labels {', '.join(map(str, output['labels']))}" if "labels" in output else ""
        click.echo(f"output {name}: {output['dtype']}{labels}")
    for note in manifest.spec.get("notes", []):
        click.echo(f"note: {note}")


def run_server(overrides):
    """gunicorn with Daylight's own configuration, until it ends; returns its exit code."""
    config = next(one for one in (HOME.parent / "gunicorn.conf.py", HOME / "gunicorn.conf.py") if one.exists())
    command = [sys.executable, "-m", "gunicorn", "--config", str(config), "service.app:create_app()"]
    server = subprocess.Popen(command, env={**os.environ, **overrides})
    # Ctrl-C reaches the server by itself, being in the same terminal; TERM is sent to this process alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    return server.wait()


def settings():
    try:
        return Settings.from_environ()
    except StartupError as error:
        raise click.ClickException(str(error)) from None

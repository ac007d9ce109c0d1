"""The command line: python -m service (installed: daylight).

pack FILE makes an immutable version of a trained model; models, verify, promote, rollback
and remove look after the store; predict scores a file; serve starts the server, and
serve FILE does it all, from a pickle to an endpoint.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import click

from .. import __version__
from ..errors import ArtifactMissing, ServiceError, StartupError
from ..settings import PREFIX, Settings
from ..store.versions import Store, check_name
from .keys import keys

__all__ = ["main"]

PACKAGE = __package__.partition(".")[0]
WEIGHTS = (".pt", ".pth", ".bin", ".safetensors")

store_option = click.option("--store", type=Path, help="The folder of models (default: DAYLIGHT_STORE, or artifacts/).")


@contextmanager
def refusals():
    """Every refusal of the store is one sentence on stderr, and exit code 1."""
    try:
        yield
    except (StartupError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None


@click.group()
@click.version_option(__version__, prog_name="daylight")
def main():
    """Daylight: from a trained model to a production endpoint."""


main.add_command(keys)


def sample_options(command):
    """What to say of a FILE to pack."""
    for option in reversed(
        [
            click.option("--name", help="The model's name (default: the file's)."),
            click.option("--data", type=click.Path(exists=True, path_type=Path), help="CSV or Parquet of sample rows."),
            click.option("--target", multiple=True, help="A column of --data that is not an input; repeatable."),
            click.option("--trust", multiple=True, help="A module, or a name in one, that a pickle may import."),
            click.option("--code", multiple=True, type=Path, help="A Python file of yours that it needs; repeatable."),
            click.option("--files", type=Path, help="A folder for the load() of a Python class."),
        ]
    ):
        command = option(command)
    return command


@main.command()
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
@store_option
def pack(file, store, **options):
    """Pack FILE: a .pkl, .joblib or .skops of a fitted estimator, a folder with a text-generation
    checkpoint, or mymodel.py:Class."""
    show(packed(file, store or settings().store, **options))


@main.command()
@store_option
def models(store):
    """List the models of the store, with their versions; * marks the current one."""
    store = Store(store or settings().store)
    with refusals():
        for name in store.models():
            current = store.open(name)
            listed = " ".join(f"{one}*" if one == current.manifest.version else one for one in store.versions(name))
            metrics = ", ".join(f"{key} {value}" for key, value in current.manifest.metrics.items())
            click.echo(f"{name:24} {current.manifest.kind:16} {listed:16} {metrics}")


@main.command()
@click.argument("name", required=False)
@click.argument("version", required=False)
@store_option
def verify(name, version, store):
    """Check versions as a worker does: signature, digests, load, replay of the example. All of them, or NAME's."""
    from .. import models

    found = settings()
    opened = Store(store or found.store)
    failed = 0
    with refusals():
        named = [check_name(name)] if name else opened.models()
        wanted = [(one, each) for one in named for each in ([version] if version else opened.versions(one))]
        if not wanted:
            raise ArtifactMissing(f"the store {opened.root} has no model {name or 'at all'}")
    for one, each in wanted:
        try:
            models.load(opened.open(one, each), found).warm_up()
            click.echo(f"{one} version {each}: sound")
        except (StartupError, ValueError) as error:
            failed += 1
            click.echo(f"{one} version {each}: FAILED: {error}", err=True)
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("name")
@click.argument("version")
@store_option
def promote(name, version, store):
    """Make VERSION of the model NAME the current one."""
    with refusals():
        Store(store or settings().store).promote(name, version)
    click.echo(f"{name} is at version {version}")


@main.command()
@click.argument("name")
@store_option
def rollback(name, store):
    """Go back to the version of NAME that was current before."""
    with refusals():
        version = Store(store or settings().store).rollback(name)
    click.echo(f"{name} is at version {version}")


@main.command()
@click.argument("name")
@click.argument("version")
@store_option
def remove(name, version, store):
    """Delete a VERSION of the model NAME for good; never the current one."""
    with refusals():
        Store(store or settings().store).remove(name, version)
    click.echo(f"{name} version {version} is removed")


@main.command()
@click.argument("file", type=Path, required=False)
@sample_options
def serve(file, **options):
    """Serve the store; with FILE, pack it into a temporary store and serve that."""
    if file is None:
        sys.exit(run_server({}))
    with tempfile.TemporaryDirectory(prefix="daylight-") as folder:
        show(packed(file, Path(folder), **options))
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
    from .. import models
    from ..batch.scoring import score

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


def packed(
    file,
    store,
    *,
    name=None,
    data=None,
    target=(),
    version=None,
    trust=(),
    code=(),
    files=None,
    runtime="auto",
    precision="float32",
):
    """Pack by what FILE is; every refusal is one sentence on stderr."""
    common = {"name": name, "version": version, "store": store}
    try:
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
    except (ValueError, OSError, StartupError, ImportError) as error:
        raise click.ClickException(str(error)) from None


def weights_alone(file):
    """Why a file of torch weights cannot be packed by itself. Raises ValueError where it is even more than weights."""
    from ..packing.checkpoint import read_state_dict

    if file.suffix != ".safetensors":
        read_state_dict(file)
    return f"{file} holds weights alone; pack the folder that holds them with their config.json and tokenizer"


def show(version):
    """What was learnt, as a table, and what was not."""
    manifest = version.manifest
    click.echo(f"packed {version} ({manifest.kind}) into {version.folder}")
    columns = manifest.spec.get("columns", [])
    if columns:
        width = max(len("column"), *(len(column["name"]) for column in columns))
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
    if "runtime" in manifest.spec:
        told = told_text_runtime if manifest.kind == "text_generation" else told_runtime
        click.echo(f"runtime {told(manifest.spec['runtime'])}")
    for note in manifest.spec.get("notes", []):
        click.echo(f"note: {note}")


def told_runtime(runtime):
    """How a tabular model is executed, what was proven, and what one row costs."""
    took = ", ".join(f"{name} {each:.0f}" for name, each in runtime["microseconds"].items())
    timed = f" (microseconds a row: {took})" if took else ""
    if runtime["name"] == "sklearn":
        return f"sklearn: {runtime['reason']}{timed}"
    return (
        f"{runtime['name']}: equal to scikit-learn on {runtime['rows']} rows, numbers to {runtime['measured']:.0e}, "
        f"{runtime['close_rows']} rows too close to call, {runtime['ties']} ties{timed}"
    )


def told_text_runtime(runtime):
    """How a text model is executed, and how far that is from transformers."""
    if runtime["name"] == "torch":
        return f"torch: {runtime['reason']}"
    perplexity = runtime["perplexity"]
    return (
        f"{runtime['name']}, {runtime['precision']} weights: {runtime['equal_tokens']:.1%} of transformers' own greedy "
        f"tokens; perplexity {perplexity['compiled']:.2f}, transformers' {perplexity['torch']:.2f}"
    )


def run_server(overrides):
    """gunicorn with Daylight's own configuration, until it ends; returns its exit code."""
    command = [sys.executable, "-m", f"{PACKAGE}.server"]
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

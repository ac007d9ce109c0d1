"""serve [FILE]: start the server, on the store or on one packed file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import click

from ..settings import PREFIX
from .options import errors_as_sentences, sample_options
from .pack import print_version
from .pack_any import check_file, pack_any

__all__ = ["serve"]

SERVER = f"{__package__.partition('.')[0]}.server"  # the module that runs gunicorn with Daylight's configuration


@click.command()
@click.argument("file", type=Path, required=False)
@sample_options
def serve(file: Path | None, **options: Any) -> None:
    """Serve the store; with FILE, pack it into a temporary store and serve that."""
    if file is None:
        sys.exit(run_server({}))
    with errors_as_sentences():
        check_file(file)
    with tempfile.TemporaryDirectory(prefix="daylight-") as folder:
        print_version(pack_any(file, Path(folder), **options))
        code = run_server({f"{PREFIX}STORE": folder})
    sys.exit(code)


def run_server(overrides: dict[str, str]) -> int:
    """gunicorn in a process of its own, until it ends; returns its exit code. overrides: of the environment."""
    # Its own process: this one may have imported numpy and torch, whose threads do not survive gunicorn's fork.
    server = subprocess.Popen([sys.executable, "-m", SERVER], env=importing(dict(os.environ)) | overrides)
    # Ctrl-C reaches the server by itself, being in the same terminal; TERM is sent to this process alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    return server.wait()


def importing(environ: dict[str, str]) -> dict[str, str]:
    """An environment in which a server and its processes find this package, and no modules of the folder they start in.

    Python would look there first, and take a `queue.py` of the user's for the library's.
    """
    own = str(Path(__file__).parents[2])
    installed = own in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    paths = [*([] if installed else [own]), environ.get("PYTHONPATH", "")]
    return environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}

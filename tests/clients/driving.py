"""Runs a published client in an environment of its own: its tour of a server, told as JSON.

    told = drive("tritonclient", url, {"rows": [[5.1, 3.5, 1.4, 0.2]]})

Each client has a folder here, with its pinned requirements.txt and a drive.py that takes the URL as its argument and
its tables as JSON on standard input, or embed.py, its tour of vectors; one in JavaScript has package.json and
drive.mjs. `make test-clients` makes the environments; what is missing is skipped by name.
"""

import json
import os
import shutil
import subprocess

import pytest

from benchmarks.support.serving import ROOT

__all__ = ["drive"]


def drive(client, url, tables=None, seconds=120, tour="drive"):
    """What the client's drive.py or drive.mjs prints, parsed. AssertionError with its traceback where it fails.

    tour: the name of another script in its folder.
    """
    home = ROOT / ".venv-clients" / client
    if not (home / ".installed").exists():
        pytest.skip(f"the client {client} is not installed here: make .venv-clients/{client}/.installed")
    done = subprocess.run(
        [*command(home, ROOT / "tests" / "clients" / client, tour), url],
        input=json.dumps(tables),
        capture_output=True,
        text=True,
        timeout=seconds,
        env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def command(home, folder, tour):
    """The command that runs the tour in `folder`. home: the client's environment."""
    script = folder / f"{tour}.mjs"
    if not script.exists():
        return [home / "bin" / "python", "-W", "ignore", folder / f"{tour}.py"]
    # node looks for packages beside the script, wherever it is started.
    return ["node", shutil.copy(script, home)]

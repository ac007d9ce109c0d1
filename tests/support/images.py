"""Images of models, built in bare roots without a container engine, and what a test asks of their processes."""

from pathlib import Path

import requests
from click.testing import CliRunner

from service.cli import main
from tests.support.dockerfile import build

__all__ = ["answers", "built", "states"]


def built(name, store, roots, folder):
    """The Image of a model of a store. roots: of debian_roots."""
    ran = CliRunner().invoke(main, ["image", name, "--store", str(store), "-o", str(folder / "context"), "--no-build"])
    assert ran.exit_code == 0, ran.output
    return build(folder / "context", roots, folder)


def answers(url, path="/health/ready", seconds=5):
    """Whether a server answers a probe with success."""
    try:
        return requests.get(f"{url}{path}", timeout=seconds).status_code < 400
    except requests.RequestException:
        return False


def states(pid):
    """{process id: state} of the children of a process, as it sees them: R, S, Z, ..."""
    ids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {each: Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[0] for each in ids}

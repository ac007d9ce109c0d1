"""An environment for each rival under .venv-peers, made from its pinned requirements and kept until they change."""

import hashlib
import subprocess
import sys

from benchmarks.peers.rivals import HERE, ROOT

__all__ = ["CannotServe", "install", "programs", "reason"]

ENVIRONMENTS = ROOT / ".venv-peers"


class CannotServe(Exception):
    """A rival that does not take part, in one sentence."""


def reason(output):
    """The line of a failed program's output that says most: the last one with an error in it, or the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    told = [line for line in lines if "error" in line.lower()]
    return (told or lines)[-1][:300]


def programs(name):
    """The folder of a rival's programs."""
    return ENVIRONMENTS / name / "bin"


def install(name, lists=HERE, environments=ENVIRONMENTS):
    """Make the rival's environment, unless it stands. Raises CannotServe with pip's own reason.

    lists: the folder of `<name>/requirements.txt`. environments: where `<name>/` is made.
    """
    requirements = lists / name / "requirements.txt"
    stamp = environments / name / ".installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing {requirements.relative_to(ROOT)}", file=sys.stderr)
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(environments / name)],
        [
            str(environments / name / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--requirement",
            str(requirements),
        ],
    )
    for command in commands:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise CannotServe(f"cannot be installed: {reason(done.stderr)}")
    stamp.write_text(wanted)

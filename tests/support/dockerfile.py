"""Run a Dockerfile without a container engine: each instruction once, in bare roots, under bubblewrap.

    image = build(folder, {"docker.io/library/python:3.11-slim-bookworm": root, "gcr.io/...": other}, tmp_path)
    with image.running() as process: ...      # process 1, not root, on a read-only file system

Only the instructions that `daylight image` writes are known; another one is an error.
"""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Image", "build", "instructions"]

PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")


def instructions(text):
    """[(instruction, the rest of its line)], comments gone and continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", "")
    return [tuple(line.split(None, 1)) for line in lines.splitlines() if line.strip()]


@dataclass
class Image:
    """What a stage has made. root: its file system."""

    root: Path
    env: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    healthcheck: list = field(default_factory=list)
    entrypoint: list = field(default_factory=list)

    def megabytes(self):
        """What the files of the root take, unpacked, in 10^6 bytes."""
        return int(subprocess.check_output(["du", "-sb", self.root], text=True).split()[0]) / 1e6

    def command(self, arguments, *, extra=(), **env):
        """The arguments as process 1 of the image: read-only, its user, its environment, /tmp in memory."""
        uid, gid = self.user.split(":")
        variables = [part for pair in (self.env | env).items() for part in ("--setenv", *pair)]
        return [
            *("bwrap", "--ro-bind", str(self.root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
            *("--unshare-user", "--uid", uid, "--gid", gid, "--unshare-pid", "--as-pid-1", "--die-with-parent"),
            *("--clearenv", *variables, *extra, "--chdir", self.folder, *arguments),
        ]

    @contextlib.contextmanager
    def running(self, log, **env):
        """The entry point, as a Popen of bubblewrap's monitor; killed in the end."""
        with log.open("wb") as file:
            process = subprocess.Popen(self.command(self.entrypoint, **env), stdout=file, stderr=file)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def is_healthy(self, **env):
        """Whether the health check, run beside the server, says so."""
        return subprocess.run(self.command(self.healthcheck, **env), capture_output=True).returncode == 0


def build(context, bases, scratch):
    """Run context/Dockerfile; returns the Image of its last stage. bases: {name in FROM: folder with its root}."""
    stages, image = {}, None
    for number, (name, rest) in enumerate(instructions((context / "Dockerfile").read_text())):
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            root = scratch / f"stage-{number}"
            subprocess.run(["cp", "-a", "--reflink=auto", bases[base], root], check=True)
            image = stages[alias] = Image(root)
        elif name == "RUN":
            run(image, rest)
        elif name == "COPY":
            copy(image, stages, context, rest)
        elif name in ("LABEL", "ENV"):
            pairs = dict(pair.split("=", 1) for pair in shlex.split(rest))
            (image.labels if name == "LABEL" else image.env).update(pairs)
        elif name == "WORKDIR":
            image.folder = os.path.join(image.folder, rest)
            (image.root / image.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "USER":
            image.user = rest
        elif name == "HEALTHCHECK":
            image.healthcheck = json.loads(rest.partition("CMD ")[2])
        elif name == "ENTRYPOINT":
            image.entrypoint = json.loads(rest)
        else:
            assert name in ("ARG", "EXPOSE", "STOPSIGNAL"), f"no {name} here"
    return image


def run(image, line):
    """RUN: a shell, as root, with the network and pip's own configuration of this machine."""
    files = [part for path in PIP_FILES if Path(path).exists() for part in ("--ro-bind", path, path)]
    folder = ["--chdir", image.folder, "sh", "-ec", line]
    subprocess.run(
        ["bwrap", "--bind", image.root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *files, *folder],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def copy(image, stages, context, rest):
    *options, source, target = rest.split()
    root = stages[options[0].removeprefix("--from=")].root if options else context
    source, target = root / source.lstrip("/"), image.root / os.path.join(image.folder, target).lstrip("/")
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)  # keeps the dates, as the engines do
    else:
        shutil.copy2(source, target / source.name if target.is_dir() else target)

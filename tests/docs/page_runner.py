"""Takes the steps of a page in a folder, as a reader would at a terminal.

    with Reader(folder) as reader:
        for step in steps(path):
            reader.take(step)

`daylight serve` goes on in the background, and what follows asks that server, until the next one or the page's end.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys

from benchmarks.support.serving import OWN_SETTINGS, ROOT, live_server

from .page_blocks import agrees

__all__ = ["NOT_HERE", "Reader", "why_not"]

URL = "http://127.0.0.1:1200"
SERVE = re.compile(r"(?:[A-Z_]+=\S+ )*(?:daylight|\.venv/bin/python -m service) serve\b")
EXPORT = re.compile(r"export (\w+)=(\S+)")

# What a page may name and no test of pages runs: the program, or the beginning of the command, and why.
NOT_HERE = {
    "make": "a target: it installs, builds or tests; a test looks whether there is one",
    "pip": "an index of packages",
    "docker": "a container engine; `make test-deploy` runs every instruction of the Dockerfile without one",
    "kubectl": "a cluster; tests/deploy checks the files by Kubernetes' schemas",
    "journalctl": "the log of a systemd unit",
    "nginx": "folders of root's; tests/deploy/test_nginx.py runs it in folders of its own",
    "mlflow": "another server, which is replaced",
    "bentoml": "another server, which is replaced",
    "torch-model-archiver": "another server, which is replaced",
    "torchserve": "another server, which is replaced",
    "vllm": "another server, which is replaced",
    "model_signing": "OpenSSF's tool; `make test-clients` runs it",
    "serve": "Ray Serve; `make test-ray` runs it",
    "curl localhost:8000": "Ray Serve; `make test-ray` runs it",
    "daylight predict tumour in/ -o out/ --engine ray": "a Ray cluster; `make test-ray` runs it",
    "MLFLOW_TRACKING_URI=": "a registry; tests/packing/test_mlflow_registry.py plays one",
    "daylight pack models:/": "a registry; tests/packing/test_mlflow_registry.py plays one",
    "daylight models --store s3://bucket": "a bucket; docs/stores.md has the commands that are run",
    "curl SERVER/metrics | grep prediction_log_dropped": "a disk that is full: the number is there once rows are lost",
    "daylight pack model.pkl": "a machine without joblib; tests/deploy/test_extras.py makes one",
}
LIBRARIES = re.compile(r"^(?:import|from) (ray|pyspark|dask)\b", re.MULTILINE)  # `make test-ray` has them
WORD = re.compile(r"(?:^|[|;&]\s*|\s&&\s)(?:[A-Z_]+=\S+\s+)*([\w./~-]+)")


def why_not(step):
    """Why a step is not taken, or None."""
    if step.language == "python":
        return (found := LIBRARIES.search(step.text)) and f"{found[1]}; `make test-ray` runs it"
    for beginning, reason in NOT_HERE.items():
        if step.text.startswith(beginning) and not beginning.isalpha():
            return reason
    return next((NOT_HERE[word] for word in WORD.findall(step.text) if word in NOT_HERE), None)


class Reader(contextlib.ExitStack):
    """folder: where the commands are typed. url: of a server that the page takes for granted, else None.

    words: what stands in the place of words of the page. environment: of the commands. names: a Python program that
    defines what the page's programs take for granted.
    """

    def __init__(self, folder, url=None):
        super().__init__()
        self.folder, self.url, self.words, self.names = folder, url, {}, ""
        self.keeps = url is not None  # the servers that the page starts are only looked at
        self.served = self.enter_context(contextlib.ExitStack())
        inherited = {name: value for name, value in os.environ.items() if not OWN_SETTINGS.fullmatch(name)}
        (folder / ".curlrc").write_text("silent\nshow-error\n")
        self.environment = inherited | {
            "DAYLIGHT_STORE": "artifacts",
            "HOME": str(folder),
            "PATH": f"{bin_folder(folder)}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "default",
            "PYTHONSAFEPATH": "1",  # a file of the page is no module of ours, whatever its name
        }

    def take(self, step):
        """Take one step. AssertionError where it fails, or prints something else than the page shows."""
        text = self.in_words(step.text)
        if step.file:
            (self.folder / step.file).write_text(text)
        elif step.language == "python":
            self.run([sys.executable, "-"], f"{self.names}\n{text}", step)
        elif SERVE.match(text):
            self.serve(text)
        elif exported := EXPORT.fullmatch(text):
            self.environment[exported[1]] = exported[2]
        else:
            self.run(["bash", "-c", f"{text}\n"], "", step)

    def in_words(self, text):
        for word, meaning in self.words.items():
            text = re.sub(rf"(?<![\w/.-]){re.escape(word)}(?![\w-])", str(meaning), text)
        url = str(self.url or URL)
        return re.sub(r"(daylight-client \w+)", rf"\1 --url {url}", text.replace(URL, url))

    def run(self, command, given, step):
        ran = subprocess.run(
            command,
            input=given,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )
        printed = ran.stdout.replace(str(self.url or URL), URL)
        refused = step.shown.startswith("Error: ")
        assert ran.returncode == (1 if refused else 0), f"{step.text}\nended with {ran.returncode}:\n{printed}"
        missing = agrees(step.shown, printed)
        assert missing is None, f"{step.text}\nhas not printed:\n{missing}\nbut:\n{printed}"

    def serve(self, command):
        self.served.close()
        server = live_server(
            self.environment["DAYLIGHT_STORE"],
            env=self.environment,
            command=["bash", "-c", f"exec env {command}"],
            cwd=self.folder,
        )
        url = self.served.enter_context(server)
        if self.keeps:
            self.served.close()
        else:
            self.url = url


def bin_folder(folder):
    """Make the programs that the pages call by their installed names; returns their folder."""
    programs = {
        "daylight": f"{sys.executable} -m service",
        "daylight-client": f"{sys.executable} -m client",
        "python": sys.executable,
    }
    made = folder / "bin"
    made.mkdir()
    for name, command in programs.items():
        (made / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (made / name).chmod(0o755)
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(made / "python", folder / ".venv" / "bin" / "python")
    return made

"""One model, every rival: start them all, check every answer, load them in turns.

found = contest(bench, rivals, rounds=3, seconds=3)
found["mlserver"].load["1 row"]["rate"]     # requests/s: the median over the rounds
"""

import contextlib
import http.client
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from time import monotonic, sleep

from benchmarks.peers.environments import CannotServe, programs, reason
from benchmarks.peers.processes import Processes, busy
from benchmarks.peers.rivals import HERE, RIVALS, environment

__all__ = ["Found", "contest"]

CONNECTIONS = 16
STARTING = 120  # seconds a server may take to its first right answer
WARM_UP = 1  # seconds of load that do not count: thread pools fill, and caches


@dataclass
class Found:
    """load: {question: {"rate", "p50_ms", "p99_ms", "cpu_us", "errors", "others"}}. `absent`: why it did not take part.

    others: the share of the processors that neither it nor wrk took; with all rivals idle, close to 0.
    """

    title: str
    absent: str = ""
    cold_start_s: float | None = None
    idle_mb: float | None = None
    memory_mb: float | None = None
    load: dict = field(default_factory=dict)

    def plain(self):
        return asdict(self)


class Contestant:
    """A rival with a port, its bodies on disk, and its processes once started."""

    def __init__(self, name, bench, folder):
        self.rival, self.bench, self.folder = RIVALS[name], bench, folder
        folder.mkdir()
        self.port, port2, port3 = free_ports(3)
        self.places = {
            "bin": str(programs(self.rival.home or name)),
            "folder": str(folder),
            "port": str(self.port),
            "port2": str(port2),
            "port3": str(port3),
            "module": {"lists": "server", "names": "named"}[bench.form],
            "model": str(bench.model),
            "rows": str(bench.rows),
            "names": str(bench.names),
            "store": str(bench.store),
        }
        self.env = environment(self.rival, self.places)
        self.code = HERE / (self.rival.home or name) if self.rival.own else HERE.parents[1]
        self.bodies = {}
        for question, rows in bench.questions.items():
            self.bodies[question] = folder / f"{len(rows)}.json"
            self.bodies[question].write_text(json.dumps(self.rival.asks[bench.form](rows, bench.columns)))

    def prepare(self):
        """Run the rival's prepare.py, or that of the rival that prepares for it, where there is one."""
        code, python = self.code, f"{self.places['bin']}/python"
        if self.rival.prepared_by:
            code, python = HERE / self.rival.prepared_by, str(programs(self.rival.prepared_by) / "python")
        if self.rival.echo or not (code / "prepare.py").exists():
            return
        command = [python, "prepare.py"]
        done = subprocess.run(
            command, cwd=code, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
        )
        if done.returncode:
            raise CannotServe(f"cannot serve this model: {reason(done.stderr)}")

    def start(self):
        """Start it and wait for its first right answer; returns (Processes, seconds)."""
        command = [part.format_map(self.places) for part in self.rival.command]
        began = monotonic()
        processes = Processes(command, cwd=self.code, env=self.env, log=self.folder / "log")
        try:
            self.first_answer(processes, began + STARTING)
            return processes, monotonic() - began
        except BaseException:
            processes.__exit__()
            raise

    def first_answer(self, processes, deadline):
        wrong = "no answer"
        while monotonic() < deadline:
            if processes.ended:
                raise CannotServe(f"does not start: {reason(processes.said())}")
            try:
                wrong = self.mistake("1 row")
            except (OSError, http.client.HTTPException):
                wrong = "no answer"
            if not wrong:
                return
            sleep(0.02)
        raise CannotServe(f"gave no right answer in {STARTING} s: {wrong}")

    def mistake(self, question):
        """What is wrong with its answer; empty if nothing is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            body = self.bodies[question].read_bytes()
            connection.request("POST", self.rival.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != 200:
            return f"status {answer.status}: {content[:200]!r}"
        if self.rival.echo:
            return "" if json.loads(content) == json.loads(body) else f"no echo: {content[:200]!r}"
        labels = self.rival.read(json.loads(content))
        wrong = sum(one != other for one, other in zip(labels, self.bench.answers[question], strict=True))
        return f"{wrong} of {len(labels)} labels are not scikit-learn's" if wrong else ""

    def loaded(self, processes, question, seconds):
        """One round of wrk: its figures and the processor time that each request took."""
        url = f"http://127.0.0.1:{self.port}{self.rival.path}"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"]
        script = ["-s", str(HERE / "post.lua"), url, "--", str(self.bodies[question])]
        before, everyone, began = processes.cpu(), busy() - generator(), monotonic()
        said = subprocess.run([*command, *script], check=True, capture_output=True, text=True).stdout
        used, told = processes.cpu() - before, json.loads(said.splitlines()[-1])
        others = busy() - generator() - everyone - used
        answered = max(1, told["requests"])
        return {
            "rate": told["requests"] / told["seconds"],
            "p50_ms": told["p50_ms"],
            "p99_ms": told["p99_ms"],
            "cpu_us": used / answered * 1e6,
            "errors": told["refused"] + told["broken"],
            "others": others / (monotonic() - began) / len(os.sched_getaffinity(0)),
        }


def generator():
    """Seconds of processor time that wrk has used: of the children that have ended, all are small but it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def free_ports(count):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def contest(bench, names, *, folder, rounds, seconds):
    """{name: Found} of every rival in `names`, all installed, in turns: never two under load at once."""
    heading = f"{bench.name}, {bench.form}"
    found = {name: Found(RIVALS[name].title) for name in names}
    with contextlib.ExitStack() as stack:
        running = {}
        for name in names:
            tell(f"{heading}: starting {name}")
            try:
                contestant = Contestant(name, bench, folder / name)
                contestant.prepare()
                processes, took = contestant.start()
                stack.enter_context(processes)
                found[name].cold_start_s = took
                for question in bench.questions:
                    if wrong := contestant.mistake(question):
                        raise CannotServe(f"answers wrongly: {wrong}")
                found[name].idle_mb = processes.memory() / 1e6
                running[name] = contestant, processes
            except CannotServe as error:
                found[name].absent = str(error)
                tell(f"{heading}: {name} {error}")
        for question in bench.questions:
            tell(f"{heading}: {question}, {rounds} times {seconds} s each")
            taken = in_turns(running, question, rounds, seconds)
            for name, figures in taken.items():
                found[name].load[question] = medians(figures)
        for name, (_, processes) in running.items():
            found[name].memory_mb = processes.memory() / 1e6
    return found


def in_turns(running, question, rounds, seconds):
    """{name: [figures of a round]}, after one short round each that does not count."""
    taken = {name: [] for name in running}
    for number in range(rounds + 1):
        for name, (contestant, processes) in running.items():
            figures = contestant.loaded(processes, question, seconds if number else WARM_UP)
            if number:
                taken[name].append(figures)
    return taken


def medians(figures):
    """The median of every figure over the rounds, and the errors of all of them."""
    told = {key: statistics.median(one[key] for one in figures) for key in figures[0]}
    return told | {"errors": sum(one["errors"] for one in figures)}


def tell(line):
    print(line, file=sys.stderr, flush=True)

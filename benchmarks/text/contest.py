"""Every rival with the same prompts: start them all, load them in turns, compare what they wrote.

found = contest(names, places, folder, clients=[1, 4, 16], rounds=3, tokens=64)
found["serve"].load[16]["rate"]     # tokens/s: the median over the rounds
"""

import contextlib
import http.client
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, perf_counter, sleep

from tokenizers import Tokenizer

from benchmarks.peers.contest import free_ports
from benchmarks.peers.environments import CannotServe, reason
from benchmarks.peers.processes import Processes, busy, tree
from benchmarks.text.asking import ask
from benchmarks.text.environments import programs, tell
from benchmarks.text.prompts import PROMPTS, WARM_UP
from benchmarks.text.rivals import BASELINE, HERE, RIVALS, ROOT, environment
from service.models.text_generation import TOKENIZER

__all__ = ["Found", "contest", "equal"]

STARTING = 180  # seconds a server may take to its first answer


@dataclass
class Found:
    """load: {clients: {"rate", "ttft_ms", "ttft_p99_ms", "gap_p50_ms", "gap_p99_ms", "others"}}. `absent`: why it did
    not take part.

    rate: tokens/s of all clients together, from the first question to the last token. ttft: what one waits for the
    first text. gap: between two pieces of one text. others: the share of the processors that neither it nor its
    clients took. texts: {prompt: the text}.
    """

    title: str
    precision: str
    absent: str = ""
    cold_start_s: float | None = None
    idle_mb: float | None = None
    memory_mb: float | None = None
    load: dict = field(default_factory=dict)
    texts: dict = field(default_factory=dict)

    def plain(self):
        told = asdict(self)
        del told["texts"]
        return told


class Contestant:
    """A rival with a port, and its processes once started."""

    def __init__(self, name, places, folder):
        self.rival = RIVALS[name]
        self.log = folder / f"{name}.log"
        (self.port,) = free_ports(1)
        own = self.rival.environment
        self.places = places | {"port": str(self.port), "bin": str(programs(own)) if own else ""}
        self.env = environment(self.rival, self.places)
        self.code = HERE / own if own else ROOT
        tokenizer = Tokenizer.from_file(f"{places['checkpoint']}/{TOKENIZER}")
        self.lengths = {one: len(tokenizer.encode(one, add_special_tokens=False).ids) for one in (WARM_UP, *PROMPTS)}

    def ask(self, prompt, tokens):
        asked = {"model": self.rival.model.format_map(self.places), "prompt": prompt, "max_tokens": tokens}
        answer = ask(self.rival.wire, self.port, asked | self.rival.asks)
        if answer.tokens != tokens:
            raise CannotServe(f"wrote {answer.tokens} tokens where {tokens} were asked for")
        if answer.prompt_tokens != self.lengths[prompt]:
            raise CannotServe(f"read {answer.prompt_tokens} tokens where a prompt has {self.lengths[prompt]}")
        return answer

    def start(self):
        """Start it and wait for its first answer; returns (Processes, seconds)."""
        command = [part.format_map(self.places) for part in self.rival.command]
        began = monotonic()
        processes = Processes(command, cwd=self.code, env=self.env, log=self.log)
        try:
            self.first_answer(processes, began + STARTING)
            return processes, monotonic() - began
        except BaseException:
            processes.__exit__()
            raise

    def first_answer(self, processes, deadline):
        told = "no answer"
        while monotonic() < deadline:
            if processes.ended:
                raise CannotServe(f"does not start: {reason(processes.said())}")
            try:
                self.ask(WARM_UP, 2)
                return
            except (OSError, http.client.HTTPException):
                told = "no answer"
            except CannotServe as error:  # 503 while it loads
                told = str(error)
            sleep(0.1)
        raise CannotServe(f"gave no right answer in {STARTING} s: {told}")

    def loaded(self, processes, prompts, tokens):
        """One round, a client for each prompt: (figures, answers)."""
        before, everyone, own, began = processes.cpu(), busy(), time.process_time(), perf_counter()
        with ThreadPoolExecutor(len(prompts)) as clients:
            answers = list(clients.map(lambda prompt: self.ask(prompt, tokens), prompts))
        seconds = perf_counter() - began
        others = busy() - everyone - (processes.cpu() - before) - (time.process_time() - own)
        took = max(answer.times[-1] for answer in answers) - min(answer.began for answer in answers)
        return {
            "rate": sum(answer.tokens for answer in answers) / took,
            "others": max(0.0, others / seconds / len(os.sched_getaffinity(0))),
        }, answers


def contest(names, places, folder, *, clients, rounds, tokens):
    """{name: Found} of every rival in `names`, all installed, in turns: never two under load at once."""
    found = {name: Found(RIVALS[name].title, RIVALS[name].precision) for name in names}
    with contextlib.ExitStack() as stack:
        running = {}
        for name in names:
            tell(f"starting {name}")
            try:
                contestant = Contestant(name, places, folder)
                processes, found[name].cold_start_s = contestant.start()
                stack.enter_context(processes)
                found[name].idle_mb = alone(processes) / 1e6
                running[name] = contestant, processes
            except CannotServe as error:
                found[name].absent = str(error)
                tell(f"{name} {error}")
        for number in clients:
            tell(f"{number} clients, {rounds} rounds of {tokens} tokens")
            in_turns(running, found, number, rounds, tokens)
        for name, (_, processes) in running.items():
            found[name].memory_mb = alone(processes) / 1e6
    return found


def in_turns(running, found, clients, rounds, tokens):
    """Fill in `found` what each does with so many clients; one who fails takes part no more."""
    figures, answers = {name: [] for name in running}, {name: [] for name in running}
    for number in range(rounds):
        prompts = [PROMPTS[(number * clients + client) % len(PROMPTS)] for client in range(clients)]
        order = list(running.items())
        for name, (contestant, processes) in reversed(order) if number % 2 else order:
            try:
                figure, given = contestant.loaded(processes, prompts, tokens)
            except (CannotServe, OSError, http.client.HTTPException, ValueError) as error:
                found[name].absent = f"fails with {clients} clients: {error or type(error).__name__}"
                tell(f"{name} {found[name].absent}")
                processes.__exit__()
                del running[name]
                continue
            figures[name].append(figure)
            answers[name] += given
            for prompt, answer in zip(prompts, given, strict=True):
                found[name].texts[prompt] = answer.text
    for name in running:
        found[name].load[clients] = summary(figures[name], answers[name])


def alone(processes):
    """Bytes it would take by itself: its own pages, and once what its processes share, with whomever.

    Several rivals map the same file of weights, so a proportional share would credit each with the others' presence.
    """
    own, shared = 0, [0]
    for pid in tree(processes.process.pid):
        lines = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
        kilobytes = {name: int(size) for name, size, *_ in lines}
        own += kilobytes["Private_Clean:"] + kilobytes["Private_Dirty:"]
        shared.append(kilobytes["Shared_Clean:"] + kilobytes["Shared_Dirty:"])
    return 1024 * (own + max(shared))


def summary(figures, answers):
    waits = sorted(1e3 * (answer.times[0] - answer.began) for answer in answers)
    gaps = sorted(
        1e3 * (later - sooner)
        for answer in answers
        for sooner, later in zip(answer.times, answer.times[1:], strict=False)
    )
    return {
        "rate": statistics.median(one["rate"] for one in figures),
        "ttft_ms": statistics.median(waits),
        "ttft_p99_ms": share(waits, 0.99),
        "gap_p50_ms": share(gaps, 0.5),
        "gap_p99_ms": share(gaps, 0.99),
        "others": statistics.median(one["others"] for one in figures),
    }


def share(ordered, part):
    """The value that `part` of them do not exceed; None of nothing."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def equal(found, name):
    """(texts that are the baseline's, texts compared) of one rival."""
    right = found[BASELINE].texts if BASELINE in found else {}
    both = right.keys() & found[name].texts.keys()
    return sum(right[prompt] == found[name].texts[prompt] for prompt in both), len(both)

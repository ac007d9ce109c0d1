"""One prompt asked of one server, every piece of the answer stamped with the moment it came.

answer = ask("stream", 1200, {"model": "smollm2", "prompt": "Once", "max_tokens": 64, "stream": True})
answer.text, answer.tokens, answer.times[0] - answer.began        # TTFT, in seconds
"""

import contextlib
import http.client
import json
import socket
import threading
from dataclasses import dataclass
from time import perf_counter

from benchmarks.peers.environments import CannotServe

__all__ = ["Answer", "ask"]

PATIENCE = 600  # seconds: 16 texts one after the other, on a slow machine
PATH = "/v1/completions"
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """began, times: seconds of perf_counter: when the caller began to wait, and when each piece of text came."""

    text: str
    tokens: int
    prompt_tokens: int
    began: float
    times: tuple


def ask(wire, port, body):
    """Answer. Raises OSError or HTTPException where nobody is there, CannotServe for every other answer."""
    return WIRES[wire](port, body, perf_counter())


def answered(text, usage, began, times):
    return Answer(text, usage["completion_tokens"], usage["prompt_tokens"], began, tuple(times))


@contextlib.contextmanager
def posted(port, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise CannotServe(f"answers with status {response.status}: {response.read(200)!r}")
        yield response


def stream(port, body, began):
    """Server-sent events; pieces without text (a role, the usage) have no moment."""
    pieces, times, usage = [], [], None
    with posted(port, body) as response:
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            now, event = perf_counter(), json.loads(line[6:])
            if "error" in event:
                raise CannotServe(f"ends with an error: {event['error']}")
            usage = event.get("usage") or usage
            text = "".join(choice.get("text") or "" for choice in event["choices"])
            if text:
                pieces.append(text)
                times.append(now)
    if usage is None or not times:
        raise CannotServe("streams no text, or does not say how many tokens it was")
    return answered("".join(pieces), usage, began, times)


def whole(port, body, began):
    with posted(port, body) as response:
        told = json.loads(response.read())
    return answered(told["choices"][0]["text"], told["usage"], began, [perf_counter()])


def line(port, body, began):
    """generate.py: a line of JSON each way; its own moments, since nothing streams out of a process."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(ONE_AT_A_TIME)
        peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        lines = stack.enter_context(peer.makefile("rwb"))
        sent = perf_counter()
        lines.write(json.dumps(body).encode() + b"\n")
        lines.flush()
        told = json.loads(lines.readline())
    return answered(told["text"], told["usage"], began, [sent + seconds for seconds in told["times"]])


WIRES = {"stream": stream, "whole": whole, "line": line}

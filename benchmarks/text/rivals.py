"""Who takes part: how each is started and what it is asked besides a prompt and a number of tokens.

The others get all cores in one process, and a place for 16 texts at once where they know such a thing; Daylight
chooses for itself. `{bin}` in a command is the folder of the rival's own programs, `{port}` its port; the other names
are `prepare`'s.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.rivals import GUNICORN, inherited

__all__ = ["BASELINE", "HERE", "OURS", "PRECISIONS", "RIVALS", "ROOT", "TEXTS", "Rival", "environment"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BASELINE = "generate"  # whose greedy text is the right one
TEXTS = 16  # at once
PRECISIONS = ("float32", "int8", "int4")  # of the weights; llama.cpp calls the last two Q8_0 and Q4_0
CORES = len(os.sched_getaffinity(0))
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True)
class Rival:
    """One server of OpenAI's /v1/completions. `asks`: fields of the body besides model, prompt and max_tokens.

    environment: the folder of .venv-text it runs in; empty: it runs in the environment of this benchmark.
    model: what it is to be called in a request. wire: "stream", "whole" (one JSON in the end), or "line" (generate.py).
    """

    title: str
    command: tuple
    precision: str = "float32"
    environment: str = ""
    model: str = "smollm2"
    asks: dict = field(default_factory=dict)
    wire: str = "stream"
    env: dict = field(default_factory=dict)


def daylight(precision):
    return Rival(
        "Daylight",
        GUNICORN,
        precision,
        model="{name}",
        asks={"temperature": 0, "ignore_eos": True} | USAGE,
        env={
            "HOST": "127.0.0.1",
            "PORT": "{port}",
            "DAYLIGHT_STORE": "{store_" + precision + "}",
            "DAYLIGHT_MODELS": "{name}",
            "DAYLIGHT_PREFIX_BYTES": "0",  # nobody here remembers a prompt from the round before
        },
    )


def serve(title, *more):
    # An end token that no token is: it knows no ignore_eos.
    endless = {"do_sample": False, "max_new_tokens": 64, "eos_token_id": -1, "pad_token_id": 0}
    return Rival(
        title,
        (
            *("{bin}/transformers", "serve", "{checkpoint}", "--host", "127.0.0.1", "--port", "{port}"),
            *("--device", "cpu", "--dtype", "float32", *more),
        ),
        environment="transformers",
        model="{checkpoint}",
        asks={"stream": True, "generation_config": json.dumps(endless)},
    )


def llama(precision, *more):
    return Rival(
        "llama.cpp's llama-server",
        (
            *("{llama_server}", "--model", "{gguf_" + precision + "}", "--host", "127.0.0.1", "--port", "{port}"),
            *("--parallel", str(TEXTS), "--ctx-size", str(256 * TEXTS), "--threads", str(CORES)),
            *("--threads-batch", str(CORES), "--cache-ram", "0", "--fit", "off", *more),
        ),
        precision,
        environment="gguf",
        asks={"temperature": 0, "ignore_eos": True, "cache_prompt": False} | USAGE,
    )


RIVALS = {
    "daylight": daylight("float32"),
    "daylight_int8": daylight("int8"),
    "daylight_int4": daylight("int4"),
    BASELINE: Rival(
        "transformers' generate, in process", ("{bin}/python", "generate.py"), environment="transformers", wire="line"
    ),
    "flask": Rival(
        "generate behind Flask",
        ("{bin}/gunicorn", "--bind", "127.0.0.1:{port}", "--timeout", "600", "--log-level", "warning", "server:app"),
        environment="transformers",
        wire="whole",
    ),
    "serve": serve("transformers serve"),
    # Its cache would take most of the machine's memory by default.
    "serve_cb": serve(
        "transformers serve, continuous batching", "--continuous-batching", "--cb-max-memory-percent", "0.1"
    ),
    # The keys and values too, so that its texts can be compared; by default they are float16.
    "llama_float32": llama("float32", "--cache-type-k", "f32", "--cache-type-v", "f32"),
    "llama_int8": llama("int8"),
    "llama_int4": llama("int4"),
}
OURS = {"float32": "daylight", "int8": "daylight_int8", "int4": "daylight_int4"}


def environment(rival, places):
    """The variables of a rival's process: ours without any settings, thread counts, its own. places: str -> str."""
    threads = {f"{library}_NUM_THREADS": str(CORES) for library in ("OMP", "OPENBLAS", "MKL")}
    asked = {
        "TEXT_CHECKPOINT": "{checkpoint}",
        "TEXT_PORT": "{port}",
        "PATH": "{bin}" + os.pathsep + os.environ["PATH"],
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    } | rival.env
    if rival.command[0] == sys.executable:
        threads = {}  # gunicorn.conf.py sets them itself
    return inherited() | threads | {name: value.format_map(places) for name, value in asked.items()}

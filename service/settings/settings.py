"""Every setting of the service: a name, a default and a sentence.

    Settings.from_environ().port

The only reader of settings from the environment. Names start with DAYLIGHT_, but for the seven that say how the
processes run (HOST, PORT, BIND, WORKERS, THREADS, WORKER_CLASS, MAX_REQUESTS). docs/settings.md lists them all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import BadSetting
from .declaring import (
    PREFIX,
    at_least,
    auto_or_manual,
    folder_or_url,
    http_url,
    jsonl_or_parquet,
    key,
    log_format,
    names,
    seconds,
    setting,
    shares,
    unknown,
    variable,
    yes_or_no,
    zero_or_at_least,
)
from .machine import cores, most_memory

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """The settings of one server process; immutable, so that modules can share it."""

    host: str = setting("127.0.0.1", "Address the server listens on.", bare=True)
    port: int = setting(1200, "Port the server listens on.", parse=at_least(0), bare=True)
    bind: str = setting("", "Listens here instead: `unix:/path/of.sock`, or `[address]:port`.", bare=True)
    workers: int = setting(
        cores, "Worker processes: each loads all tables, one process more all texts.", parse=at_least(1), bare=True
    )
    threads: int = setting(
        8,
        "Threads of a worker: requests it holds at once. Generations take at most this many less 2; where texts are "
        "generated, there is one for each completion that may run or wait unless it is set.",
        parse=at_least(1),
        bare=True,
    )
    worker_class: str = setting(
        "",
        "gunicorn's worker class; empty: one thread where every model is compiled and quick, else `gthread`, threads.",
        bare=True,
    )
    max_requests: int = setting(
        0,
        "Requests after which a worker is replaced, give or take a tenth; 0: never.",
        parse=at_least(0),
        bare=True,
    )
    store: Path | str = setting(
        Path("artifacts"),
        "The folder that holds the models, or the URL of a store elsewhere, such as `s3://bucket/folder`.",
        parse=folder_or_url,
    )
    store_cache: Path = setting(
        Path("~/.cache/daylight/stores"), "Where the folders are that follow stores elsewhere.", parse=Path
    )
    store_poll: float = setting(
        5.0,
        "Seconds between two looks of a running server at a store elsewhere; 0: it looks when it starts, and on HUP.",
        parse=seconds,
    )
    models: tuple[str, ...] = setting(
        (), "The models of the store that this server serves, by commas; empty: all.", parse=names
    )
    run_folder: str = setting(
        "", "Folder that the workers of one server share while it runs; empty: the server makes one, and removes it."
    )
    strict: bool = setting(
        False,
        "Refuse to start where any model is broken; else the others are served, and the last version that proved "
        "itself in its place.",
        parse=yes_or_no,
    )
    # A version that hangs while it is loaded must not keep all later ones from being served.
    swap_seconds: float = setting(
        120.0, "Seconds that all workers have for loading a new version; then it is refused.", parse=seconds
    )
    drift_rows: int = setting(
        1000,
        "Rows that drift is measured on: the last ones of each model, over all workers; 0: it is not measured.",
        parse=zero_or_at_least(200),
    )
    default_tabular: str = setting("", "The tabular model `/predict` answers with; empty: the only one.")
    default_text: str = setting(
        "", "The model `/predict` answers texts with, a generator or a classifier; empty: the only one."
    )
    default_embedding: str = setting("", "The model that embeds texts where a request names none; empty: the only one.")
    default_reranker: str = setting("", "The model that ranks texts where a request names none; empty: the only one.")
    default_token_classifier: str = setting(
        "", "The model that finds entities in texts where a request names none; empty: the only one."
    )
    default_zero_shot: str = setting(
        "", "The model that classifies texts by labels of the request where that names none; empty: the only one."
    )
    default_fill_mask: str = setting(
        "", "The model that fills masks in texts where a request names none; empty: the only one."
    )
    default_image_classifier: str = setting(
        "", "The model that classifies images where a request names none; empty: the only one."
    )
    default_network: str = setting("", "The network that answers where a request names none; empty: the only one.")
    trusted_types: tuple[str, ...] = setting(
        (), "Types that `.skops` files may hold besides the known ones, by commas.", parse=names
    )
    signing_key: str = setting(
        "", "Signs what is packed; unsigned or altered models are refused.", parse=key, secret=True
    )
    private_key: str = setting(
        "", "File of the Ed25519 private key that signs what is packed and promoted here; empty: none."
    )
    signers_file: str = setting(
        "",
        "File of the public keys (`python -m service signers add`) whose signatures models and histories must have; "
        "empty: none is asked for.",
    )
    seen_file: str = setting(
        "",
        "File outside the store that keeps how far each signed history had got, so that an older copy is refused; "
        "empty: remembered until the server ends.",
    )
    promote: str = setting(
        "auto", "Whether packing makes its version current at once: `auto`, or `manual`.", parse=auto_or_manual
    )
    sandbox_bytes: int = setting(
        most_memory,
        "Memory that packing a file in the sandbox may take, in bytes; twice as much as files.",
        parse=at_least(2**20),
    )
    sandbox_seconds: float = setting(
        3600.0, "Seconds that packing a file in the sandbox may take; then it is ended.", parse=seconds
    )
    allow_version_mismatch: bool = setting(
        False, "Serve models packed with another major or minor version of a library that they need.", parse=yes_or_no
    )
    traces: str = setting(
        "",
        "Where spans of requests go: the URL of an OpenTelemetry collector (OTLP over HTTP), such as "
        "`http://localhost:4318`; empty: nowhere.",
        parse=http_url,
    )
    log_format: str = setting(
        "auto", "The log's form: `text`, `json`, or `auto`: text on a terminal, else JSON.", parse=log_format
    )
    # Parsing needs up to 18 bytes of memory for each byte of JSON, 30 for one of CSV, and 36 to find keys that come
    # twice, in every thread at once.
    max_body_bytes: int = setting(16 * 2**20, "Largest request body, in bytes; beyond it 413.", parse=at_least(1))
    max_rows: int = setting(100_000, "Most rows in one request; beyond it 413.", parse=at_least(1))
    # Phones and most cameras make 12 to 24 million. Each pixel takes 3 bytes of memory, and up to 8 while an image is
    # turned upright or changed to RGB, in every thread at once.
    max_pixels: int = setting(
        25_000_000,
        "Most pixels of an image; those of a request may have four times as many together, beyond it 413.",
        parse=at_least(1),
    )
    request_timeout: float = setting(
        0.0,
        "Seconds after which a request that still waits is not predicted but answered 504, where X-Request-Timeout "
        "says nothing; 0: it waits.",
        parse=seconds,
    )
    # A client that waits longer for a model has mostly given up, and the answer would be work for nothing.
    max_wait: float = setting(
        10.0, "Seconds that a request may expect to wait for a model; beyond it 429.", parse=seconds
    )
    # Each connection costs a worker memory and a place in its poll; one worker must not take them all.
    max_connections: int = setting(
        200, "Connections of a worker; further ones take the place of idle ones, or wait.", parse=at_least(1)
    )
    # Browsers send about twenty, proxies add ten; each costs time before the caller is known.
    max_headers: int = setting(64, "Headers of a request; beyond it 431.", parse=at_least(8))
    max_header_bytes: int = setting(8190, "Bytes of one header; beyond it 431.", parse=at_least(256))
    keys_file: str = setting(
        "",
        "The file of API keys (`python -m service keys add NAME`), or a Redis in which several servers share them and "
        "count their rates together (`redis://10.0.0.5:6379/0`, extra `redis`); empty: no key is asked for.",
    )
    open: bool = setting(False, "Answer everybody without keys, on a public address or a unix socket.", parse=yes_or_no)
    metrics_open: bool = setting(False, "Answer `/metrics` without a key, where there are keys.", parse=yes_or_no)
    hosts: tuple[str, ...] = setting(
        (),
        "Names besides localhost under which a server on loopback without keys is asked, by commas, such as those of a "
        "proxy in front; `*`: any. Any other `Host` is refused: it may be a web page's own name for this machine.",
        parse=names,
    )
    cors_origins: tuple[str, ...] = setting(
        (), "Origins whose pages may call this server, by commas; `*`: any. Empty: none.", parse=names
    )
    kept_versions: int = setting(
        4, "Versions besides the current ones kept in memory once a request has named them.", parse=at_least(1)
    )
    max_tokens: int = setting(64, "Tokens generated where a request does not say max_tokens.", parse=at_least(1))
    # Memory for keys and values is kept for as many tokens as a completion may have.
    max_completion_tokens: int = setting(2048, "The same at most, for OpenAI's routes.", parse=at_least(1))
    engine_socket: str = setting("", "Where the server's workers find its engine process; it sets this itself.")
    engine_threads: int = setting(cores, "Threads that the engine process computes with.", parse=at_least(1))
    engine_nice: int = setting(10, "How far texts stand back behind tables: 0 not at all, 19 most.", parse=at_least(0))
    slots: int = setting(16, "Completions that a text model writes at once.", parse=at_least(1))
    kv_bytes: int = setting(
        2**30,
        "Memory a text model may take for keys and values of running completions, in bytes; less where little is free.",
        parse=at_least(1),
    )
    prefix_bytes: int = setting(
        2**28,
        "Memory for keys and values of finished completions, for prompts that begin alike, in bytes; 0: none.",
        parse=at_least(0),
    )
    max_waiting: int = setting(64, "Completions that may wait for a slot; beyond it 429.", parse=at_least(0))
    max_waiting_tokens: int = setting(65_536, "Prompt tokens that may wait; beyond it 429.", parse=at_least(0))

    prediction_log: str = setting("", "Folder that gets what was asked and answered, to be replayed; empty: none.")
    prediction_log_share: tuple[tuple[str, float], ...] = setting(
        (("", 1.0),),
        "The share of the requests that is logged: `0.1`, or `0.1,tumour=1` where a model has another.",
        parse=shares,
    )
    prediction_log_format: str = setting(
        "jsonl", "Of its files: `jsonl`, an object a line, or `parquet`.", parse=jsonl_or_parquet
    )
    prediction_log_redact: tuple[str, ...] = setting(
        (), "What it leaves out, by commas: columns, `MODEL:COLUMN`, `prompt`, `completion`.", parse=names
    )
    prediction_log_hash: tuple[str, ...] = setting(
        (),
        "What it holds as keyed hashes (HMAC-SHA256), so that equal values can be told; named as above.",
        parse=names,
    )
    prediction_log_key: str = setting("", "The key of these hashes.", parse=key, secret=True)
    prediction_log_file_bytes: int = setting(
        2**26, "Size after which a worker begins a new file.", parse=at_least(2**10)
    )
    prediction_log_file_seconds: float = setting(3600.0, "Seconds after which it does.", parse=seconds)
    prediction_log_keep_bytes: int = setting(
        2**33, "Size of all files together, beyond which the oldest are deleted; 0: any.", parse=at_least(0)
    )
    prediction_log_keep_days: int = setting(30, "Days after which files are deleted; 0: never.", parse=at_least(0))

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from `environ` (default: the process environment).

        Raises BadSetting naming every unknown DAYLIGHT_ variable and every impossible value.
        """
        environ = os.environ if environ is None else environ
        known = {variable(each): each for each in fields(cls)}
        faults = [unknown(name, known) for name in sorted(environ) if name.startswith(PREFIX) and name not in known]
        values = {}
        for name, each in known.items():
            if name in environ:
                parse = each.metadata["parse"]
                try:
                    values[each.name] = parse(environ[name])
                except (ValueError, KeyError):
                    shown = "..." if each.metadata["secret"] else repr(environ[name])
                    faults.append(f"{name}={shown}: expected {parse.__doc__}")
        if faults:
            raise BadSetting("; ".join(faults))
        return cls(**values)

    @classmethod
    def given(cls, environ: Mapping[str, str] | None = None) -> set[str]:
        """The fields that the environment sets; the others have their defaults."""
        environ = os.environ if environ is None else environ
        return {each.name for each in fields(cls) if variable(each) in environ}

    @classmethod
    def read(cls, name: str, environ: Mapping[str, str] | None = None) -> Any:
        """One setting by its field's name; the others are neither read nor checked. Raises BadSetting."""
        environ = os.environ if environ is None else environ
        (named,) = [variable(each) for each in fields(cls) if each.name == name]
        return getattr(cls.from_environ({named: environ[named]} if named in environ else {}), name)

    @property
    def compute_threads(self) -> int:
        """Threads of BLAS, OpenMP and torch in each worker, so that workers x threads <= cores."""
        return max(1, cores() // self.workers)

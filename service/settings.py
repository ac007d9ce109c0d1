"""Every knob of the service: a name, a default and a sentence.

    settings = Settings.from_environ()
    settings.port

This module is the only reader of the environment. Names start with DAYLIGHT_,
but for the seven that say how the processes run (HOST, PORT, BIND, WORKERS, THREADS, WORKER_CLASS, MAX_REQUESTS).
"""

import difflib
import os
from dataclasses import dataclass, field, fields
from pathlib import Path

from .errors import BadSetting

__all__ = ["PREFIX", "Settings", "cores"]

PREFIX = "DAYLIGHT_"


def cores():
    """How many processors this process may use (affinity, not what the machine has)."""
    return len(os.sched_getaffinity(0))


def knob(default, sentence, *, parse=str, bare=False, secret=False):
    """A field of Settings; `bare` ones carry no prefix, a callable default is called, `secret` ones are never shown."""
    made = {"default_factory": default} if callable(default) else {"default": default}
    return field(
        **made, repr=not secret, metadata={"sentence": sentence, "parse": parse, "bare": bare, "secret": secret}
    )


def at_least(lowest):
    def parse(text):
        number = int(text)
        if number < lowest:
            raise ValueError(f"a whole number, {lowest} or more")
        return number

    parse.__doc__ = f"a whole number, {lowest} or more"
    return parse


def yes_or_no(text):
    """yes or no"""
    return {"yes": True, "no": False}[text.lower()]


def seconds(text):
    """seconds, 0 or more"""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(seconds.__doc__)
    return number


def names(text):
    """names, separated by commas"""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def key(text):
    """at least 16 characters"""
    if text and len(text) < 16:
        raise ValueError(key.__doc__)
    return text


@dataclass(frozen=True)
class Settings:
    """The settings of one instance; immutable, so that it can be handed to every room."""

    host: str = knob("127.0.0.1", "Address the server listens on.", bare=True)
    port: int = knob(1200, "Port the server listens on.", parse=at_least(0), bare=True)
    bind: str = knob("", "Listens here instead: `unix:/path/of.sock`, or `[address]:port`.", bare=True)
    workers: int = knob(cores, "Worker processes; each loads every model.", parse=at_least(1), bare=True)
    threads: int = knob(
        8,
        "Threads of a worker: requests it holds at once. Generations take at most this many less 2.",
        parse=at_least(1),
        bare=True,
    )
    worker_class: str = knob(
        "",
        "gunicorn's worker class; empty: one thread where every model is compiled and quick, else `gthread`.",
        bare=True,
    )
    max_requests: int = knob(
        0,
        "Requests after which a worker makes way for a new one, give or take a tenth; 0: never.",
        parse=at_least(0),
        bare=True,
    )
    store: Path = knob(Path("artifacts"), "The folder that holds the models.", parse=Path)
    models: tuple = knob((), "The models of the store that this instance serves, by commas; empty: all.", parse=names)
    run_folder: str = knob(
        "", "Folder that the workers of one server share while it runs; gunicorn.conf.py makes it, and removes it."
    )
    # A version that hangs while it is loaded must not keep all later ones from their place.
    swap_seconds: float = knob(
        120.0, "Seconds that all workers have for loading a new version; then it is refused.", parse=seconds
    )
    default_tabular: str = knob("", "The tabular model `/predict` answers with; empty: the only one.")
    default_text: str = knob("", "The text model `/predict` answers with; empty: the only one.")
    trusted_types: tuple = knob(
        (), "Types that `.skops` files may hold besides the known ones, by commas.", parse=names
    )
    signing_key: str = knob("", "Signs what is packed; unsigned or altered models are refused.", parse=key, secret=True)
    allow_version_mismatch: bool = knob(
        False, "Serve models packed with another major or minor version of scikit-learn.", parse=yes_or_no
    )
    # Parsing JSON needs up to 36 bytes of memory for each byte of the body, in every thread at once.
    max_body_bytes: int = knob(16 * 2**20, "Largest request body, in bytes; beyond it 413.", parse=at_least(1))
    max_rows: int = knob(100_000, "Most rows in one request; beyond it 413.", parse=at_least(1))
    # Seconds, and fractions of them: what every caller is told to be too long, where it says nothing itself.
    request_timeout: float = knob(
        0.0,
        "Seconds after which a request that still waits is not predicted but answered 504, where X-Request-Timeout "
        "says nothing; 0: it waits.",
        parse=seconds,
    )
    # Whoever waits longer than this for a model has mostly given up, and the answer is work for nobody.
    max_wait: float = knob(10.0, "Seconds that a request may expect to wait for a model; beyond it 429.", parse=seconds)
    # Connections cost a worker memory and a place in its poll; one worker must not take them all.
    max_connections: int = knob(200, "Connections of a worker; further ones wait for it.", parse=at_least(1))
    # Browsers send about twenty, proxies add ten; each costs time before anything is known of the caller.
    max_headers: int = knob(64, "Headers of a request; beyond it 431.", parse=at_least(8))
    max_header_bytes: int = knob(8190, "Bytes of one header; beyond it 431.", parse=at_least(256))
    keys_file: str = knob("", "The file of API keys (`python -m service keys add NAME`); empty: no key is asked for.")
    open: bool = knob(False, "Let everybody in without keys, on a public address or a unix socket.", parse=yes_or_no)
    metrics_open: bool = knob(
        False, "Answer `/metrics` without a key of scope admin, where there are keys.", parse=yes_or_no
    )
    cors_origins: tuple = knob(
        (), "Origins whose pages may call this server, by commas; `*`: any. Empty: none.", parse=names
    )
    kept_versions: int = knob(
        4, "Versions besides the current ones kept in memory once a request has named them.", parse=at_least(1)
    )
    max_tokens: int = knob(64, "Tokens generated where a request does not say max_tokens.", parse=at_least(1))
    slots: int = knob(16, "Texts that a text model writes at once, in each worker.", parse=at_least(1))
    kv_bytes: int = knob(
        2**30,
        "Memory a text model may take for the keys and values of the texts it writes, in each worker, in bytes.",
        parse=at_least(1),
    )
    prefix_bytes: int = knob(
        2**28,
        "Memory for keys and values of finished texts, for prompts that begin alike, in bytes; 0: none are kept.",
        parse=at_least(0),
    )
    max_waiting: int = knob(64, "Texts that may wait for a slot of a text model; beyond it 429.", parse=at_least(0))
    max_waiting_tokens: int = knob(65_536, "Prompt tokens that may wait; beyond it 429.", parse=at_least(0))

    @classmethod
    def from_environ(cls, environ=None):
        """Read the settings from `environ` (default: the process environment).

        Raises BadSetting naming every unknown DAYLIGHT_ variable and every impossible value.
        """
        environ = os.environ if environ is None else environ
        known = {variable(one): one for one in fields(cls)}
        faults = [unknown(name, known) for name in sorted(environ) if name.startswith(PREFIX) and name not in known]
        values = {}
        for name, one in known.items():
            if name in environ:
                parse = one.metadata["parse"]
                try:
                    values[one.name] = parse(environ[name])
                except (ValueError, KeyError):
                    shown = "..." if one.metadata["secret"] else repr(environ[name])
                    faults.append(f"{name}={shown}: expected {parse.__doc__}")
        if faults:
            raise BadSetting("; ".join(faults))
        return cls(**values)

    @classmethod
    def read(cls, name, environ=None):
        """One setting by its field's name; the others are neither read nor checked. Raises BadSetting."""
        environ = os.environ if environ is None else environ
        (setting,) = [each for each in fields(cls) if each.name == name]
        known = {variable(setting): setting}
        return getattr(cls.from_environ({key: environ[key] for key in known if key in environ}), name)

    @property
    def compute_threads(self):
        """Threads of BLAS, OpenMP and torch in each worker, so that workers x threads <= cores."""
        return max(1, cores() // self.workers)


def variable(one):
    """The environment variable of a field of Settings."""
    return one.name.upper() if one.metadata["bare"] else PREFIX + one.name.upper()


def unknown(name, known):
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "the settings are listed in the README"
    return f"{name} is not a setting; {hint}"

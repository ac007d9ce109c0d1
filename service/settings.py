"""Every knob of the service: a name, a default and a sentence.

    settings = Settings.from_environ()
    settings.port

This module is the only reader of the environment. Names start with DAYLIGHT_,
but for the five that say how the processes run (HOST, PORT, BIND, WORKERS, THREADS).
"""

import difflib
import os
from dataclasses import dataclass, field, fields
from pathlib import Path

from service.errors import BadSetting

__all__ = ["PREFIX", "Settings", "cores"]

PREFIX = "DAYLIGHT_"


def cores():
    """How many processors this process may use (affinity, not what the machine has)."""
    return len(os.sched_getaffinity(0))


def knob(default, sentence, *, parse=str, bare=False):
    """A field of Settings; `bare` ones carry no prefix, a callable default is called."""
    made = {"default_factory": default} if callable(default) else {"default": default}
    return field(**made, metadata={"sentence": sentence, "parse": parse, "bare": bare})


def at_least(lowest):
    def parse(text):
        number = int(text)
        if number < lowest:
            raise ValueError(f"a whole number, {lowest} or more")
        return number

    parse.__doc__ = f"a whole number, {lowest} or more"
    return parse


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
    store: Path = knob(Path("artifacts"), "The folder that holds the models.", parse=Path)
    default_tabular: str = knob("", "The tabular model `/predict` answers with; empty: the only one.")
    default_text: str = knob("", "The text model `/predict` answers with; empty: the only one.")
    # Parsing JSON needs up to 36 bytes of memory for each byte of the body, in every thread at once.
    max_body_bytes: int = knob(16 * 2**20, "Largest request body, in bytes; beyond it 413.", parse=at_least(1))
    max_rows: int = knob(100_000, "Most rows in one request; beyond it 413.", parse=at_least(1))
    kept_versions: int = knob(
        4, "Versions besides the current ones kept in memory once a request has named them.", parse=at_least(1)
    )
    max_tokens: int = knob(64, "Tokens generated where a request does not say max_tokens.", parse=at_least(1))

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
                except ValueError:
                    faults.append(f"{name}={environ[name]!r}: expected {parse.__doc__}")
        if faults:
            raise BadSetting("; ".join(faults))
        return cls(**values)

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

"""How many workers and threads a server gets, and how much memory its texts, where nobody has said so.

    size = sized(settings, versions, given=Settings.given(), memory=2**33)
    size.settings.threads, size.lines, size.refusal      # 82, ["2 workers of 82 threads: ...", ...], None

It imports neither gunicorn nor a model: gunicorn's master asks it, at each reading of its configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..errors import StartupError
from ..models import own_process
from ..scheduling.admission import RESERVED_THREADS
from ..settings import Settings
from ..store.versions import Store, StoredVersion

__all__ = ["Size", "sized"]

MEGABYTE = 10**6
WORKER = 60 * MEGABYTE  # private memory of a worker with a few tables
ENGINE = 120 * MEGABYTE  # of an engine process, besides weights, keys and values
SMALLEST_KV = 2**26  # bytes of keys and values below which a text model is no use
PREFIX_SHARE = 4  # of the memory for running completions, one part in so many is for finished ones


@dataclass(frozen=True)
class Size:
    """settings: with what was chosen. lines: what, and why, for the log. refusal: why it cannot be served, or None."""

    settings: Settings
    lines: tuple[str, ...]
    refusal: str | None = None


def sized(settings: Settings, versions: Iterable[StoredVersion], given: Collection[str], memory: int | None) -> Size:
    """The size that suits the store.

    versions: of the store, those that can be read. given: fields that stay as they are. memory: bytes that the system
    can give, or None. Workers have a thread for every completion that may run or wait in the engine process: none is
    refused while the engine would still take it.
    """
    apart = [version for version in versions if own_process(version)]
    why = own_process(apart[0]) if apart else None
    chosen: dict[str, Any] = {}
    if why and "threads" not in given:
        chosen["threads"] = settings.slots + settings.max_waiting + RESERVED_THREADS
    loaded = [version for version in apart if is_current(version, settings)]
    left, refusal = None, None
    if memory is not None and loaded:
        weights = sum(map(bytes_on_disk, loaded))
        left = memory - weights - ENGINE - settings.workers * WORKER
        share = max(SMALLEST_KV, left // 2 // len(loaded))
        if "kv_bytes" not in given:
            chosen["kv_bytes"] = min(settings.kv_bytes, share)
        if "prefix_bytes" not in given:
            chosen["prefix_bytes"] = min(settings.prefix_bytes, share // PREFIX_SHARE)
        settings = replace(settings, **chosen)
        needed = len(loaded) * (settings.kv_bytes + settings.prefix_bytes) - left + memory
        if needed > memory:
            names = ", ".join(version.manifest.model for version in loaded)
            refusal = (
                f"{names}: weights of {weights // MEGABYTE} MB, and {needed // MEGABYTE} MB with all that is needed to "
                f"serve them, do not fit into the {memory // MEGABYTE} MB that are free; DAYLIGHT_MODELS serves fewer"
            )
    settings = replace(settings, **chosen)
    return Size(settings, tuple(lines(settings, given, why)), refusal)


def lines(settings: Settings, given: Collection[str], why: str | None) -> Iterable[str]:
    """What was chosen, and why."""
    workers = "WORKERS says so" if "workers" in given else "each core has one"
    threads = "THREADS says so" if "threads" in given else "one for each completion that may run or wait" if why else ""
    reasons = f"{workers}{', and ' * bool(threads)}{threads}"
    yield f"{plural(settings.workers, 'worker')} of {plural(settings.threads, 'thread')}: {reasons}"
    if why:
        yield (
            f"one engine process of {plural(settings.engine_threads, 'thread')}, nice {settings.engine_nice}, "
            f"{settings.kv_bytes // MEGABYTE} MB for running completions of a model: {why}"
        )


def is_current(version: StoredVersion, settings: Settings) -> bool:
    with suppress(StartupError, OSError, ValueError):
        return Store.of(settings).current(version.manifest.model) == version.manifest.version
    return False


def bytes_on_disk(version: StoredVersion) -> int:
    """Of all files that the manifest names."""
    total = 0
    for name in version.manifest.files:
        with suppress(OSError):
            total += (version.folder / name).stat().st_size
    return total


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"

"""What `models` lists: each model of the store, and what the running servers of this machine make of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from ..errors import StartupError
from ..observability.by_model import NONE, counts_by_model
from ..server.lifecycle.rollout_state import Entry
from ..server.lifecycle.running_servers import RunningServer, running_servers
from ..server.lifecycle.shadow_told import shadow_of, shadow_told
from ..settings import Settings
from ..store.about import read_about
from ..store.proven import stand_ins
from ..store.shadow import read_shadow
from ..store.versions import Store
from ..web.routes import PREDICTING

__all__ = ["Listing", "lines", "listed"]

Listing = dict[str, Any]  # of one model, JSON-ready
AT_LEAST = 0.5  # seconds between two counts, whose difference is the rate


def listed(store: Store, configured: Settings) -> list[Listing]:
    """The models of the store, sorted by name. Raises StartupError where it cannot be read."""
    names = store.models()
    servers = {name: running_servers(store.root, name, configured.run_folder) for name in names}
    by_process = {server.pid: server for serving in servers.values() for server in serving}
    began, before = time.monotonic(), {pid: counts(server) for pid, server in by_process.items()}
    found = [{**of_store(store, name, configured), **read_about(store.root / name)} for name in names]
    if before:
        time.sleep(max(0.0, AT_LEAST - (time.monotonic() - began)))
    shadows = {name: read_shadow(store.root / name) for name in names}
    seconds, after = time.monotonic() - began, {pid: counts(server) for pid, server in by_process.items()}
    for one in found:
        one.pop("columns", None)
        one["servers"] = [
            {
                "process": server.pid,
                **state(server, one),
                **(
                    {"shadow": shadowed}
                    if (shadowed := shadow_of(server.registry, one["name"], shadows[one["name"]]))
                    else {}
                ),
                **asked(before[server.pid].get(one["name"], NONE), after[server.pid].get(one["name"], NONE), seconds),
            }
            for server in servers[one["name"]]
        ]
    return found


def of_store(store: Store, name: str, configured: Settings) -> Listing:
    """What the store says of a model; of a broken one, why."""
    from ..models import check_stored

    known: Listing = {"name": name, "versions": store.versions(name)}
    try:
        version = store.open(name)
        check_stored(version, configured)
    except (StartupError, ValueError) as error:
        return known | {"current": store.named(name), "broken": str(error), "stand_ins": stand_ins(store, name)}
    manifest = version.manifest
    return known | {
        "current": manifest.version,
        "kind": manifest.kind,
        "runtime": manifest.spec.get("runtime", {}).get("name", "python"),
        "packed": manifest.created,
        "bytes": sum(file["bytes"] for file in manifest.files.values()),
        "metrics": manifest.metrics,
    }


def state(server: RunningServer, one: Listing) -> dict[str, Any]:
    """Which version a server answers with, and in what state its newest is."""
    entry = server.registry.versions().get(one["name"], Entry())
    if entry.refused:
        told = {"state": "refused", "version": entry.refused.version, "reason": entry.refused.reason}
    elif entry.unloaded:
        told = {"state": "unloaded"}
    elif entry.proposal or not entry.serving:
        told = {"state": "loading"}
    else:
        told = {"state": "ready"}
    return told | {"serving": entry.serving}


def counts(server: RunningServer) -> dict[str, dict[str, int]]:
    """As counts_by_model; empty where another user's server cannot be read."""
    with suppress(OSError):
        return counts_by_model(str(server.registry.folder.parent / "metrics"), PREDICTING)
    return {}


def asked(before: dict[str, int], now: dict[str, int], seconds: float) -> dict[str, Any]:
    return {"asked": now, "rate": round((now["requests"] - before["requests"]) / seconds, 2)}


def lines(found: Sequence[Listing]) -> Iterator[str]:
    """The listing for people: aligned columns, and what is wrong below the model it is wrong with."""
    served = any(one["servers"] for one in found)
    head = ["MODEL", "KIND", "VERSIONS", "PACKED", "SIZE", "RUNTIME", *(["SERVER", "ASKED"] if served else []), "SCORE"]
    rows = [row(one, served=served) for one in found]
    widths = [max(len(cells[place]) for cells in [head, *rows]) for place in range(len(head))]
    for place, cells in enumerate([head, *rows]):
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        if place:
            yield from (f"    {sentence}" for sentence in faults(found[place - 1]))


def row(one: Listing, *, served: bool) -> list[str]:
    versions = " ".join(f"{version}*" if version == one["current"] else version for version in one["versions"])
    if "broken" in one:
        cells = ["BROKEN", versions, "", "", ""]
    else:
        cells = [one["kind"], versions, one["packed"][:10], size(one["bytes"]), one["runtime"]]
    if served:
        states = [f"{each['state']} {each['serving'] or ''}".strip() for each in one["servers"]]
        cells += [", ".join(states) or "-", ", ".join(map(told_of, one["servers"])) or "-"]
    score = next(iter(one.get("metrics", {}).items()), None)
    return [one["name"], *cells, f"{score[0]} {score[1]}" if score else ""]


def told_of(server: dict[str, Any]) -> str:
    failed = f", {server['asked']['failed']} failed" if server["asked"]["failed"] else ""
    return f"{server['asked']['requests']} ({server['rate']:g}/s{failed})"


def faults(one: Listing) -> Iterator[str]:
    if "broken" in one:
        instead = one["stand_ins"]
        place = f"; a server that starts serves version {instead[0]} in its place" if instead else ""
        yield f"BROKEN: {one['broken']}{place}"
    for server in one["servers"]:
        if "shadow" in server:
            yield f"the server of process {server['process']}: {shadow_told(server['shadow'])}"
        if server["state"] == "refused":
            serving = f", and answers with version {server['serving']}" if server["serving"] else ""
            yield (
                f"the server of process {server['process']} refuses version {server['version']}{serving}: "
                f"{server['reason']}"
            )


def size(count: float) -> str:
    """540000000 -> `540 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"

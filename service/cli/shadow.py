"""shadow NAME VERSION --share 0.1: let a version run beside the current one, and count what it answers otherwise."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from ..server.lifecycle.running_servers import RunningServer, running_servers
from ..server.lifecycle.shadow_states import LOADING, RUNNING, ShadowStates
from ..server.lifecycle.shadow_told import shadow_of, shadow_told
from ..settings import Settings
from ..store.shadow import end_shadow, read_shadow, set_shadow
from ..store.versions import Store
from .options import errors_as_sentences, json_option, open_store, settings, store_option
from .promotion import check_callers, compare

__all__ = ["shadow"]

SHARE = 0.1
LATE = 10.0  # seconds after which a server that says nothing of a shadow is not waited for


@click.command()
@click.argument("name")
@click.argument("version", required=False)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    help="The share of the requests that it is asked (default: 0.1).",
)
@click.option("--off", is_flag=True, help="Let no version run beside the current one any more.")
@json_option
@store_option
def shadow(
    name: str, version: str | None, *, share: float | None, off: bool, as_json: bool, store: Path | str | None
) -> None:
    """Let VERSION of the model NAME run beside the current one in each worker, and count what it answers otherwise.

    Callers notice nothing of it: it is asked after they have their answers. Without VERSION, say what was counted.
    """
    if (off and version) or (share is not None and version is None):
        raise click.UsageError("--off takes no VERSION, and --share needs one")
    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences():
        if off:
            ended = end_shadow(opened, name)
            click.echo(f"{name} version {ended.version} is no shadow any more" if ended else f"{name} has no shadow")
        elif version is None:
            tell(opened, name, configured, as_json=as_json)
        else:
            begin(opened, name, version, share or SHARE, configured)


def begin(store: Store, name: str, version: str, share: float, configured: Settings) -> None:
    """Prove a version, write the store, and wait for the servers to load it. Raises StartupError, ValueError."""
    from ..server.lifecycle.shadows import check_shadow

    check_shadow(store.open(name, version))
    compare(store, name, version, configured)
    check_callers(store, name, version, may_break=True)
    set_shadow(store, name, version, share)
    servers = running_servers(store.root, name, configured.run_folder)
    if not servers:
        click.echo("no running server of this store was found on this machine: none was waited for", err=True)
    refused = [why for server in servers for why in [wait(server, name, version, configured)] if why]
    click.echo(f"{name} version {version} is the shadow for {share:g} of the requests")
    if refused:
        raise ValueError(f"{name} version {version} does not run: {'; '.join(dict.fromkeys(refused))}")


def wait(server: RunningServer, name: str, version: str, configured: Settings) -> str | None:
    """Wait until each worker of a server runs the shadow; returns why one does not."""
    ends = time.monotonic() + configured.swap_seconds + LATE
    while time.monotonic() < ends:
        workers = server.registry.workers()
        told = ShadowStates(server.registry.folder).of_all(name)
        states = [told[pid] for pid in workers if pid in told and told[pid].version == version]
        if refused := [state.why for state in states if state.state not in (LOADING, RUNNING)]:
            return refused[0]
        if len(states) == len(workers) and all(state.state == RUNNING for state in states):
            taken = max((state.bytes for state in states), default=0)
            click.echo(
                f"the server of process {server.pid}: {len(states)} workers run it, {taken / 1e6:.1f} MB in each"
            )
            return None
        time.sleep(0.1)
    return f"the server of process {server.pid} has not loaded it in time"


def tell(store: Store, name: str, configured: Settings, *, as_json: bool) -> None:
    """What the store says, and what the servers of this machine have counted."""
    store.current(name)
    asked = read_shadow(store.root / name)
    found: list[dict[str, Any]] = [
        {"process": server.pid, **counted}
        for server in running_servers(store.root, name, configured.run_folder)
        if (counted := shadow_of(server.registry, name, asked)) is not None
    ]
    if as_json:
        said = {"version": asked.version, "share": asked.share} if asked else None
        click.echo(json.dumps({"model": name, "shadow": said, "servers": found}))
        return
    if asked is None:
        click.echo(f"{name} has no shadow")
        return
    click.echo(f"{name} version {asked.version} is the shadow for {asked.share:g} of the requests")
    for one in found:
        click.echo(f"the server of process {one['process']}: {shadow_told(one)}")

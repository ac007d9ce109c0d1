"""The commands that decide which version answers: promote, rollback, remove; and history, which says who did."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import StartupError
from ..settings import Settings
from ..store.contract_changes import breaking
from ..store.remote.publishing import publisher_of
from ..store.versions import Store
from .completion import models_of, versions_of
from .following import Follower, followers
from .options import errors_as_sentences, json_option, message_option, open_store, settings, store_option

if TYPE_CHECKING:
    from ..models.base import Model

__all__ = ["check_callers", "compare", "history", "make_current", "promote", "proven", "remove", "rollback"]

LATE = 10.0  # seconds after which a server that has not even refused a version is not waited for
url_options = (
    click.option("--url", "urls", multiple=True, help="A server elsewhere that is waited for as well; repeatable."),
    click.option("--key-file", type=Path, help="A file with an API key of scope predict, for --url."),
)


def with_urls(command: Any) -> Any:
    for option in reversed(url_options):
        command = option(command)
    return command


@click.command()
@click.argument("name", shell_complete=models_of)
@click.argument("version", shell_complete=versions_of)
@click.option("--dry-run", is_flag=True, help="Check and compare, and change nothing.")
@click.option("--breaking", "may_break", is_flag=True, help="Even where callers of the current version would break.")
@message_option
@with_urls
@store_option
def promote(
    name: str,
    version: str,
    *,
    dry_run: bool,
    may_break: bool,
    message: str,
    urls: Sequence[str],
    key_file: Path | None,
    store: Path | str | None,
) -> None:
    """Make VERSION of the model NAME the current one, after it was loaded and compared; waits for running servers."""
    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences():
        compare(opened, name, version, configured)
        check_callers(opened, name, version, may_break=may_break)
        if dry_run:
            click.echo(f"dry run: {name} would go from {told(current(opened, name))} to version {version}")
            return
        make_current(opened, name, version, configured, message, followers(opened, name, configured, urls, key_file))


@click.command()
@click.argument("name", shell_complete=models_of)
@message_option
@with_urls
@store_option
def rollback(name: str, *, message: str, urls: Sequence[str], key_file: Path | None, store: Path | str | None) -> None:
    """Go back to the version of NAME that was current before; waits for running servers. What one refuses is undone."""
    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences():
        waiting = followers(opened, name, configured, urls, key_file)
        before = current(opened, name)
        version = opened.rollback(name, message)
        failed = wait(opened, name, version, waiting, configured)
        if failed and before is not None:
            opened.promote(name, before, f"version {version} was refused: {failed[0]}")
            click.echo(f"{name} is at version {before} again", err=True)
        elif not failed:
            click.echo(f"{name} went from {told(before)} to version {version}")
    sys.exit(1 if failed else 0)


@click.command()
@click.argument("name", shell_complete=models_of)
@click.argument("version", shell_complete=versions_of)
@click.option("--yes", is_flag=True, help="Do not ask.")
@message_option
@store_option
def remove(name: str, version: str, *, yes: bool, message: str, store: Path | str | None) -> None:
    """Delete a VERSION of the model NAME for good; never one that serves, or the one that rollback goes back to."""
    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences():
        opened.check_removable(name, version)
        for each in followers(opened, name, configured):
            if each.serves(version):
                raise ValueError(f"{name} version {version} is served by {each}: not removed")
        if not yes:
            if not on_a_terminal():
                raise ValueError(f"{name} version {version} would be deleted for good; say --yes")
            click.confirm(f"Delete {name} version {version} for good?", abort=True)
        opened.remove(name, version, message)
    click.echo(f"{name} version {version} is removed")


@click.command()
@click.argument("name", shell_complete=models_of)
@json_option
@store_option
def history(name: str, store: Path | str | None, *, as_json: bool) -> None:
    """Say who packed, promoted, rolled back and removed which version of NAME, when, from where, and why."""
    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences():
        ledger = opened.history_of(name)
        if as_json:
            told = [asdict(receipt) | {"key": opened.keys.name_of(receipt.signature)} for receipt in ledger.receipts()]
            click.echo(json.dumps(told, indent=1, ensure_ascii=False))
            return
        for receipt in ledger.receipts():
            key = f" key {opened.keys.name_of(receipt.signature)}" if receipt.signature else ""
            change = f"{receipt.before or 'none'} -> {receipt.current or 'none'}"
            why = f": {receipt.why}" if receipt.why else ""
            click.echo(
                f"{receipt.number:4} {receipt.when} {receipt.what:8} {receipt.version:8} current {change:12} "
                f"{receipt.user}@{receipt.host}{key}{why}"
            )
        if differing := ledger.differing():
            click.echo(differing, err=True)


def on_a_terminal() -> bool:
    return sys.stdin.isatty()


def current(store: Store, name: str) -> str | None:
    """The current version; None where there is none that can be read."""
    return next(iter(store.history_of(name).current_words()), None)


def told(version: str | None) -> str:
    return f"version {version}" if version else "no version"


def compare(store: Store, name: str, version: str, configured: Settings) -> None:
    """Prove a version as a worker does, and print what it answers otherwise than the current one. StartupError."""
    from ..models.comparison import differences

    new = proven(store, name, version, configured)
    before = current(store, name)
    if before in (None, version):
        return
    try:
        old = proven(store, name, before, configured)
    except StartupError as error:
        click.echo(f"not compared: {error}", err=True)
        return
    for sentence in differences(old, new):
        click.echo(sentence)


def proven(store: Store, name: str, version: str | None, configured: Settings) -> Model:
    """A version whose signature, digests, gate, load and example are sound. Raises StartupError."""
    from .. import models

    try:
        model = models.load(store.open(name, version), configured)
        model.warm_up()
    except (StartupError, ValueError):
        raise
    except (Exception, SystemExit) as error:  # a model's own code may raise anything
        raise StartupError(f"{name} version {version} cannot be loaded: {type(error).__name__}: {error}") from error
    return model


def check_callers(store: Store, name: str, version: str, *, may_break: bool) -> None:
    """Print what would break callers of the current version. Raises ValueError where that may not be."""
    before = current(store, name)
    if before in (None, version):
        return
    try:
        found = breaking(store.open(name, before).manifest, store.open(name, version).manifest)
    except StartupError as error:  # the current version is broken: nobody calls it
        click.echo(f"its contract is not compared: {error}", err=True)
        return
    if found and not may_break:
        raise ValueError(
            f"{name} version {version} breaks callers of version {before}: {'; '.join(found)}. "
            "--breaking promotes it all the same"
        )
    for change in found:
        click.echo(f"breaking: {change}")


def make_current(
    store: Store, name: str, version: str, configured: Settings, why: str, waiting: Sequence[Follower]
) -> None:
    """Promote, wait until every worker has taken the version, and go back where a server has not.

    Ends the command with exit status 1 then.
    """
    before = current(store, name)
    store.promote(name, version, why)
    failed = wait(store, name, version, waiting, configured)
    if not failed:
        now = f"went from {told(before)} to version {version}"
        click.echo(f"{name} {now if before != version else f'is at version {version}, as before'}")
        return
    if before not in (None, version):
        back = store.rollback(name, f"version {version} was refused: {failed[0]}")
        click.echo(f"{name} is back at version {back}", err=True)
    sys.exit(1)


def wait(store: Store, name: str, version: str, waiting: Sequence[Follower], configured: Settings) -> list[str]:
    """Wait until every server has taken the version; prints what each does, and returns why some have not."""
    if not waiting:
        elsewhere = " (a server of another machine follows this store)" if publisher_of(store.root) else ""
        click.echo(
            f"no running server of this store was found on this machine: none was waited for{elsewhere}", err=True
        )
    stamp, failed = store.stamps()[name], []
    ends = time.monotonic() + configured.swap_seconds + LATE
    for each in waiting:
        while (reason := each.refusal(version, stamp)) is None and not each.taken(version):
            if time.monotonic() > ends:
                reason = "it has not taken the version in time"
                break
            time.sleep(0.1)
        if reason is None:
            click.echo(f"{each}: every worker answers with version {version}")
        else:
            failed.append(f"{each}: {reason}")
            click.echo(f"{each} does not serve version {version}: {reason}", err=True)
    return failed

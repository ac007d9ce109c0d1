"""drift NAME: whether the rows that servers answer, or those of a file, are like the training sample."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import requests

from ..observability.drift.observer import DRIFT_FOLDER, report
from ..observability.drift.profile import features_of
from ..server.lifecycle.running_servers import running_servers
from ..settings import Settings
from ..store.versions import Store
from .completion import models_of
from .options import errors_as_sentences, json_option, open_store, settings, store_option
from .promotion import proven

__all__ = ["drift"]

SECONDS = 10.0  # for one answer
SHOWN = 5  # features that have not drifted
Reports = list[tuple[str, dict[str, Any]]]  # (whose rows these are, what Report.to_json gives)


@click.command()
@click.argument("name", shell_complete=models_of)
@click.option("--against", metavar="FILE", help="Rows of a file, a folder or a pattern, in the place of a server's.")
@click.option("--url", "urls", multiple=True, help="A server elsewhere, in the place of those here; repeatable.")
@click.option("--key-file", type=Path, help="A file with an API key of scope admin, for --url.")
@click.option("-o", "--out", type=Path, help="Write a report with plots, one file of HTML.")
@json_option
@store_option
def drift(
    name: str,
    *,
    against: str | None,
    urls: Sequence[str],
    key_file: Path | None,
    out: Path | None,
    store: Path | str | None,
    as_json: bool,
) -> None:
    """Say which columns and outputs of the model NAME are not distributed as in the sample that it was packed with.

    The rows are the last ones that the servers of this machine have answered.
    """
    configured = settings()
    opened = open_store(store, configured)
    with errors_as_sentences("pack" if against else ""):
        if against is not None and urls:
            raise ValueError("--against looks at a file, --url at a server: say one of them")
        if against is not None:
            found = of_files(opened, name, against, configured)
        else:
            found = of_urls(name, urls, key_file) if urls else of_servers(opened, name, configured)
        if out is not None:
            from ..batch.drift_report import html

            out.write_text(html(found), encoding="utf-8")
    if as_json:
        click.echo(json.dumps([{"rows_of": whose} | told for whose, told in found], ensure_ascii=False))
        return
    for whose, told in found:
        for line in lines(whose, told):
            click.echo(line)
    if out is not None:
        click.echo(f"the report is in {out}")


def of_files(store: Store, name: str, source: str, configured: Settings) -> Reports:
    from ..batch import drift as files

    model = proven(store, name, None, configured)
    if getattr(model, "profile", None) is None:
        raise ValueError(not_measured(name, model.version))
    return [(source, files.of_files(model, source).to_json())]


def of_servers(store: Store, name: str, configured: Settings) -> Reports:
    """What the servers of this machine that serve the model have counted. Raises ValueError where there is none."""
    from ..models.stored_rows import profile_of

    servers = running_servers(store.root, name, configured.run_folder)
    found = []
    for server in servers:
        entry = server.registry.versions().get(name)
        if entry is None or entry.serving is None:
            continue
        content = profile_of(store.open(name, entry.serving))
        if content is None:
            raise ValueError(not_measured(name, entry.serving))
        folder = str(server.registry.folder.parent / DRIFT_FOLDER)
        rows = configured.drift_rows or int(Settings.drift_rows)
        told = report(folder, name, entry.serving, *features_of(content), rows)
        found.append((f"the server of process {server.pid}", told.to_json()))
    if not found:
        raise ValueError(
            f"no server of this machine serves {name}; --url asks one elsewhere, --against looks at a file"
        )
    return found


def of_urls(name: str, urls: Sequence[str], key_file: Path | None) -> Reports:
    """Raises OSError where a server does not answer, ValueError with its sentence where it refuses."""
    headers = {"X-API-Key": key_file.read_text(encoding="utf-8").strip()} if key_file else {}
    found = []
    for url in urls:
        asked = f"{url.rstrip('/')}/operations/models/{name}/drift"
        answer = requests.get(asked, headers=headers, timeout=SECONDS)
        try:
            told = answer.json()
        except requests.JSONDecodeError:
            raise ValueError(f"{asked} answers {answer.status_code}, and no JSON") from None
        if not answer.ok:
            raise ValueError(f"{asked} answers {answer.status_code}: {told.get('error', told)}")
        found.append((f"the server at {url}", told))
    return found


def not_measured(name: str, version: str) -> str:
    return f"{name} version {version} has no profile of a sample: pack it again, with sample rows"


def lines(whose: str, told: dict[str, Any]) -> Iterator[str]:
    """A report for people."""
    features = [feature for feature in told["features"] if feature["rows"]]
    drifted = [feature for feature in features if feature["drifted"]]
    said = (
        "too few to say" if told["too_few"] else f"{len(drifted)} of {len(features)} columns and outputs have drifted"
    )
    yield f"{whose}: {told['rows']:,} row{'s' * (told['rows'] != 1)}, version {told['version']}: {said}"
    for feature in drifted:
        yield f"    {feature['of']} {feature['name']}: {'; '.join(feature['drifted'])}"
    for feature in [feature for feature in features if not feature["drifted"]][:SHOWN]:
        verdict = "as in the sample" if feature["judged"] else "not judged"
        yield (
            f"    {feature['of']} {feature['name']}: {verdict}; PSI {feature['psi']:.3f}, "
            f"{feature['missing']:.1%} missing, {feature['strange']:.1%} strange"
        )
    if (more := len(features) - len(drifted) - SHOWN) > 0:
        yield f"    and {more} more"

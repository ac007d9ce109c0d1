"""pack in a sandbox: a process in a box makes the version, and this one, which opens nothing of it, publishes it.

The store and its keys stay out of the box. What comes back is checked as what a stranger sends: the files are those of
the manifest, the model's own file and its code are those that the user named, and nothing is trusted that was not.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..errors import StartupError
from ..models.runtimes.bundled_code import FOLDER
from ..models.runtimes.graph_files import SUFFIX, external_files
from ..models.runtimes.pickle_rules import within
from ..settings import PREFIX, Settings, library_environment
from ..store.adoption import adopt
from ..store.draft import digest
from ..store.manifest import Manifest
from ..store.versions import Store, StoredVersion, check_name
from ..web.access.redis_server import SCHEMES
from .options import errors_as_sentences
from .pack_any import default_name, is_class, kind_of, may_run_code, model_file, source
from .sandbox import Box, Limits, Outcome, why_not

__all__ = ["REFUSAL", "pack_in_sandbox", "uses_sandbox"]

MODULE = f"{__package__}.boxed"
REFUSAL = ".refusal"  # in the store of the box: the sentence that packing ended with
LONGEST_REFUSAL = 2**16  # bytes
KILLED = 128  # added to the signal's number: the status of a process that a signal has ended


def uses_sandbox(file: Path, asked: bool | None, code: Sequence[Path] = ()) -> bool:
    """Whether to pack in a sandbox; None: where the file may run code, and the system can. Ends the command where it
    was asked for, and cannot be made.
    """
    if asked is False or (asked is None and not may_run_code(file, code)):
        return False
    lacking = why_not()
    if lacking and asked:
        raise click.ClickException(f"--sandbox cannot be had here: {lacking}")
    if lacking:
        click.echo(f"{file} is opened without a sandbox: {lacking}", err=True)
    return lacking is None


def pack_in_sandbox(file: Path, opened: Store, configured: Settings, *, why: str, **options: Any) -> StoredVersion:
    """As `pack_any`, in a box, into an opened store; the version is not promoted."""
    root = opened.root
    with errors_as_sentences(), leaving_no_empty(root):
        name = check_name(options.pop("name") or default_name(file))
        with (
            opened.adding(name, options.pop("version"), promote=False, why=why) as draft,
            tempfile.TemporaryDirectory(prefix=".draft-", dir=draft.folder.parent) as box,
        ):
            made = Path(box)
            outcome = run(file, root, made, configured, options | {"name": draft.model, "version": draft.version})
            check_outcome(file, made, outcome)
            try:
                check_claims(
                    adopt(draft, made, kind_with(file, options)),
                    file,
                    options,
                )
            except StartupError as error:
                raise ValueError(f"what the sandbox made of {file} is not adopted: {error}") from error
        return opened.open(draft.model, draft.version)


@contextmanager
def leaving_no_empty(root: Path) -> Iterator[None]:
    """Remove the folder again where it is new, and the block has failed to put anything into it."""
    new = not root.exists()
    try:
        yield
    except BaseException:
        if new:
            with suppress(OSError):
                root.rmdir()
        raise


def run(file: Path, root: Path, made: Path, configured: Settings, options: dict[str, Any]) -> Outcome:
    """Pack it into the store `made`, which the process in the box finds at `root`."""
    limits = Limits(configured.sandbox_bytes, configured.sandbox_seconds)
    request = {"file": file, "store": root, "limits": vars(limits), "options": options}
    box = Box(
        MODULE,
        made,
        seen_as=root,
        limits=limits,
        reads=needed(file, options),
        hides=[
            path for path in (configured.private_key, configured.keys_file) if path and not path.startswith(SCHEMES)
        ],
        environment=library_environment() | {f"{PREFIX}TRUSTED_TYPES": ",".join(configured.trusted_types)},
    )
    out, err = (partial(click.echo, nl=False, err=err) for err in (False, True))
    return box.run(json.dumps(request, default=os.fspath).encode(), out, err)


def needed(file: Path, options: Mapping[str, Any]) -> list[Path]:
    """The files and folders that packing reads."""
    paths = [
        source(file),
        *options["code"],
        *(options[name] for name in ("data", "test", "metrics", "files") if options[name]),
    ]
    if not is_class(file) and (own := model_file(file)).suffix == SUFFIX and own.is_file():
        paths += external_files(own.read_bytes(), own.parent)
    if file.is_dir() and file.resolve().parent.name == "snapshots":  # the Hugging Face cache: links into ../../blobs
        paths.append(file.resolve().parents[1] / "blobs")
    return paths


def check_outcome(file: Path, made: Path, outcome: Outcome) -> None:
    """Raise ValueError with the sentence that packing has ended with, or the limit it went over; end the command where
    packing has failed without a sentence.
    """
    if outcome.fault:
        raise ValueError(
            f"{file} was ended in the sandbox: {outcome.fault}. {PREFIX}SANDBOX_BYTES and {PREFIX}SANDBOX_SECONDS "
            "allow more; --no-sandbox sets no bounds"
        )
    told = made / REFUSAL
    if not told.is_symlink() and told.is_file() and told.stat().st_size <= LONGEST_REFUSAL:
        raise ValueError(told.read_text(encoding="utf-8", errors="replace"))
    if outcome.status > KILLED:
        raise ValueError(
            f"{file}: the process that packed it in the sandbox was ended by signal {outcome.status - 128}"
        )
    if outcome.status:
        sys.exit(outcome.status)


def kind_with(file: Path, options: Mapping[str, Any]) -> str:
    """As `kind_of`, by the options of packing."""
    return kind_of(file, options.get("task"), options.get("data"), options["code"])


def check_claims(manifest: Manifest, file: Path, options: Mapping[str, Any]) -> None:
    """What makes a server run code is what the user has named. Raises StartupError where it is anything else."""
    code = {f"{FOLDER}{path.stem}.py": path for path in ([source(file)] if is_class(file) else []) + [*options["code"]]}
    given = dict(code)
    if kind_with(file, options) in ("network", "tabular"):
        own = model_file(file)
        given[own.name] = own
        if manifest.spec.get("payload") != own.name:
            raise StartupError(f"its payload is not {own.name}")
    if added := sorted(name for name in manifest.files if name.startswith(FOLDER) and name not in code):
        raise StartupError(f"it holds code that was not given: {', '.join(added)}")
    for name, path in given.items():
        with open(path, "rb") as opened:
            if manifest.files.get(name, {}).get("sha256") != digest(opened):
                raise StartupError(f"{name} in it is not {path}")
    trusted = manifest.provenance.get("trusted", [])
    if not all(within(name, options["trust"]) for name in trusted):
        raise StartupError("it trusts names that --trust does not")

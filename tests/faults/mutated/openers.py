"""How Daylight itself opens each kind of file: packing's way in, the load of a stored version, the decoder of bodies.

opened = opener("parquet", originals, folder)      # folder: all that it may write
opened("plain-v1.parquet", data)                    # raises one of EXPECTED, or the file is a finding
"""

import contextlib
import json
import shutil
from hashlib import sha256
from importlib import import_module
from types import SimpleNamespace

from service.errors import ServiceError, StartupError
from service.settings import Settings
from service.store.versions import Store
from service.wire.table_formats import FORMS, decode

__all__ = ["EXPECTED", "expected", "opener"]

EXPECTED = (ValueError, StartupError, ServiceError)  # what the command line and the routes turn into a sentence
COLUMNS = {"age": "integer", "height": "number", "city": "text", "when": "datetime", "member": "boolean"}
PACKING = ("pickle", "joblib", "skops")
CHECKPOINTS = ("checkpoint", "state_dict")
BODIES = {suffix.removeprefix("."): media_type for media_type, suffix in FORMS.items()}
MAX_ROWS, MAX_BYTES = 100_000, 16 * 2**20  # the defaults of a server


def expected(error):
    """Whether an error is one that a user or a caller is told in a sentence."""
    return isinstance(error, EXPECTED) and not (isinstance(error, ServiceError) and error.status >= 500)


def opener(kind, originals, folder):
    if kind in BODIES:
        return body(BODIES[kind])
    if kind in PACKING:
        return estimator(folder)
    if kind in CHECKPOINTS:
        return checkpoint(originals, folder)
    if kind == "stored_graphs":  # what torch imports, which takes the place of a graph that is refused
        for name in ("models.checkpoints", "generation.torch_runner", "generation.serial_runner"):
            import_module(f"service.{name}")
    return Stored(originals, folder)


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def estimator(folder):
    """As `daylight pack` without sample rows; then as a server, which has its own way with the parts."""
    from service.models.runtimes.sklearn import SklearnRuntime
    from service.packing.contract import learn_contract
    from service.packing.open_source_file import open_file

    def run(name, data):
        opened = open_file(written(folder, name, data)).estimator
        learn_contract(opened)
        with contextlib.suppress(Exception):  # TabularModel.load takes whatever it raises
            SklearnRuntime.serving(opened, "array")

    return run


def checkpoint(originals, folder):
    from service.packing.checkpoint import describe, read_checkpoint, read_tokenizer, reading

    whole = folder / "tiny"
    whole.mkdir()

    def run(name, data):
        for path in (originals / "tiny").iterdir():
            written(folder, f"tiny/{path.name}", path.read_bytes())
        written(folder, name, data)
        tokenizer = read_tokenizer(whole)
        network, weights = read_checkpoint(whole)
        with reading(whole):
            describe(network, tokenizer, weights)

    return run


class Stored:
    """A copy of a store, one file of which is replaced; the manifest has the digest of what is there."""

    def __init__(self, originals, folder):
        from service.models.opening import open_version

        self.open_version = open_version
        self.root, self.originals, self.changed = folder / "store", originals, None
        shutil.copytree(originals, self.root)
        self.settings = Settings(store=self.root, workers=1)

    def __call__(self, name, data):
        if self.changed:
            self.changed[0].write_bytes(self.changed[1])
        model, version, file = name.split("/", 2)
        place, kept = self.root / model / version, self.originals / model / version
        written(place, file, data)
        manifest = json.loads((kept / "manifest.json").read_text())
        manifest["files"][file] = {"sha256": sha256(data).hexdigest(), "size": len(data)}
        (place / "manifest.json").write_text(json.dumps(manifest))
        self.changed = place / file, (kept / file).read_bytes()
        self.open_version(Store(self.root), model, version, self.settings).stop()


def body(media_type):
    columns = [
        SimpleNamespace(name=name, kind=kind, categories=None, nullable=True, expected=kind)
        for name, kind in COLUMNS.items()
    ]
    return lambda name, data: decode(media_type, data, columns, MAX_ROWS, MAX_BYTES)

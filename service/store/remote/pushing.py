"""Put a model of one store, with its history, into a store elsewhere; later, what is new of it.

pushed = push(store, "tumour", "s3://models/prod")
pushed.entries, pushed.left     # 4 new entries of the history; versions that it does not know

The receipts are the same ones, so signatures hold there as they do here. A store that has gone its own way since is
left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import StartupError, StoreChanged
from ..about import ABOUT
from ..receipts import held
from ..shadow import SHADOW
from .objects import objects_at
from .places import is_read_only, is_url
from .publishing import Publisher, receipt_name

if TYPE_CHECKING:
    from ..versions import Store

__all__ = ["Pushed", "push"]


@dataclass(frozen=True)
class Pushed:
    """entries: of the history that are new there. left: versions here that were packed before there was a history."""

    entries: int
    left: tuple[str, ...]


def push(store: Store, model: str, url: str) -> Pushed:
    """Raises StoreChanged where the histories differ; ArtifactMissing, DigestMismatch or StartupError."""
    if not is_url(url) or is_read_only(url):
        raise StartupError(f"{url}: expected s3://bucket/folder, gs://bucket/folder or az://container/folder")
    objects = objects_at(url)
    publisher = Publisher(objects, store.root)
    receipts = store.history_of(model).receipts()
    if not receipts:
        raise StartupError(f"{model} has no history yet: promote {model} VERSION begins one")
    names = sorted(objects.entries(f"{model}/log"))
    there = objects.read_all([f"{model}/log/{name}" for name in names])
    for number, line in enumerate(there, 1):
        if number > len(receipts) or line != receipts[number - 1].to_json().encode():
            raise StoreChanged(
                f"{url} has another history of {model} from entry {number} on, and nothing was pushed: "
                f"pack and promote there"
            )
    known = held(receipts)
    for version in known:
        stored = store.open(model, version)
        stored.verify()
        publisher.upload(stored.folder)
    new = receipts[len(there) :]
    for receipt in new:
        if not objects.create(receipt_name(model, receipt.number), receipt.to_json().encode()):
            raise StoreChanged(f"{url} was changed meanwhile, at entry {receipt.number} of {model}: push again")
    for name in (ABOUT, SHADOW):
        path = store.root / model / name
        if path.exists():
            publisher.put(model, name, path.read_text(encoding="utf-8"))
    return Pushed(len(new), tuple(version for version in store.versions(model) if version not in known))

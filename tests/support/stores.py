"""A small version for tests of the store, which no runtime can load; it costs nothing to pack."""

from service.store.manifest import Manifest

__all__ = ["add_small"]


def add_small(store, model="m", version=None, payload=b"payload" * 1000):
    with store.adding(model, version) as draft:
        (draft.folder / "file.bin").write_bytes(payload)
        draft.manifest = Manifest(draft.model, draft.version, "tabular", draft.digests(), {"columns": []})

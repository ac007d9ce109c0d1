"""What tests put into stores: small versions that no runtime can load and that cost nothing; two models."""

import json

from service.store.manifest import MANIFEST, Manifest
from service.store.versions import Store

__all__ = ["add_small", "add_three", "fill", "pack_iris_and_tiny", "rewritten"]


def add_small(store, model="m", version=None, payload=b"payload" * 1000):
    with store.adding(model, version) as draft:
        (draft.folder / "file.bin").write_bytes(payload)
        draft.manifest = Manifest(draft.model, draft.version, "tabular", draft.digests(), {"columns": []})


def fill(draft):
    """Three files, 0.bin to 2.bin."""
    for number in range(3):
        (draft.folder / f"{number}.bin").write_bytes(bytes([number]) * 1000)
    draft.manifest = Manifest(draft.model, draft.version, "tabular", draft.digests(), {"columns": []})


def add_three(store, *, promote=False):
    with store.adding("m", promote=promote) as draft:
        fill(draft)


def rewritten(version, **changes):
    """The version again, with other values in its manifest."""
    path = version.folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return Store(version.folder.parents[1]).open(version.manifest.model)


def pack_iris_and_tiny(store):
    """`iris`, which predicts tables, and `tiny`, which generates text."""
    # Only here: add_small is called in processes of its own, which need neither scikit-learn nor torch.
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from service.packing import pack
    from tests.support.tiny_text import pack_tiny

    X, y = load_iris(return_X_y=True, as_frame=True)
    pack(LogisticRegression(max_iter=1000).fit(X, y), X, y, name="iris", store=store)
    pack_tiny(store)

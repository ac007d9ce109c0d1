"""What tests put into stores: a small version that no runtime can load and that costs nothing; two models."""

from service.store.manifest import Manifest

__all__ = ["add_small", "pack_iris_and_tiny"]


def add_small(store, model="m", version=None, payload=b"payload" * 1000):
    with store.adding(model, version) as draft:
        (draft.folder / "file.bin").write_bytes(payload)
        draft.manifest = Manifest(draft.model, draft.version, "tabular", draft.digests(), {"columns": []})


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

"""From a trained object to an immutable version of a model.

    from service.packing import pack
    pack(estimator, X, y, name="tumour")        # from a notebook
    pack_file("classifier.pkl", data="data.csv", target=["Target"])

`service.packing.checkpoint` does the same for text-generation checkpoints.
"""

from .estimator import pack, pack_file

__all__ = ["pack", "pack_file"]

"""From a trained object to an immutable version of a model.

    from service.packing import pack, pack_file     # installed: from daylight import pack, pack_file
    pack(estimator, X, y, name="tumour")            # from a notebook
    pack_file("classifier.pkl", data="data.csv", target=["Target"])

packing.checkpoint does the same for text-generation checkpoints, packing.python_class for a typed Python class.
"""

from .estimator import pack, pack_file

__all__ = ["pack", "pack_file"]

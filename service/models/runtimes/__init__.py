"""How a tabular model is executed: one module a runtime, one line below.

runtime = load(version, settings)
runtime.run(X, ["predict", "predict_proba"])   # {"predict": array, "predict_proba": array}

A module is imported only when a version names it: a worker whose models are all
compiled never pays for scikit-learn.
"""

from importlib import import_module

from ...errors import StartupError

__all__ = ["RUNTIMES", "load"]

RUNTIMES = {
    "onnx": ".onnx:OnnxRuntime",
    "sklearn": ".sklearn:SklearnRuntime",
}


def load(version, settings):
    """The runtime that a StoredVersion of a tabular model was packed with. Raises what its files raise."""
    name = version.manifest.spec.get("runtime", {}).get("name", "sklearn")
    if name not in RUNTIMES:
        raise StartupError(f"{version} wants the runtime {name!r}; this service knows {', '.join(RUNTIMES)}")
    module, runtime = RUNTIMES[name].split(":")
    return getattr(import_module(module, __package__), runtime).load(version, settings)

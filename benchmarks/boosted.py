"""One row of a boosted model in process: its graph against the library's own call, for a frame and for an array.

    make bench        (python -m benchmarks.boosted)

"the graph" is what the runtime does with numbers that are read already, "Daylight" the reading and checking of a JSON
row as well. The ways are taken in turns, in one process, on one thread.
"""

import tempfile
from importlib import import_module as library

from sklearn.datasets import load_breast_cancer

from benchmarks.rounds import interleaved, report
from service import models
from service.packing import pack
from service.settings import Settings

ROUNDS, CALLS = 20, 50

MODELS = {
    "xgboost": lambda: library("xgboost").XGBClassifier(n_jobs=1),
    "lightgbm": lambda: library("lightgbm").LGBMClassifier(n_jobs=1, verbosity=-1),
    "catboost": lambda: library("catboost").CatBoostClassifier(
        300, thread_count=1, verbose=0, allow_writing_files=False
    ),
}


def ways_of(name, folder):
    """{what is done: a function that does it once} for one row of one library's model."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    fitted, of_arrays = MODELS[name]().fit(X, y), MODELS[name]().fit(X.to_numpy(), y)
    version = pack(fitted, X, y, name=name, store=folder)
    assert version.manifest.spec["runtime"]["name"] == "onnx", version.manifest.spec["runtime"]["reason"]
    model = models.load(version, Settings())
    frame, array = X[:1], X[:1].to_numpy()
    rows, read = version.manifest.example["instances"], model.plan.read(X[:1].to_numpy().tolist()).values
    return {
        "the graph": lambda: model.runtime.run(read, ["predict"]),
        "Daylight": lambda: model.predict(rows),
        "the library on a DataFrame": lambda: fitted.predict(frame),
        "the library on an array": lambda: of_arrays.predict(array),
    }


def main():
    for name in MODELS:
        with tempfile.TemporaryDirectory(prefix="boosted-") as folder:
            medians = interleaved(ways_of(name, folder), rounds=ROUNDS, calls=CALLS)
        report(
            f"one row of {name}, in process",
            medians,
            [
                (library_call, ours)
                for library_call in ("the library on a DataFrame", "the library on an array")
                for ours in ("the graph", "Daylight")
            ],
            [{"xgboost": "xgboost-cpu"}.get(name, name), "onnxruntime"],
        )


if __name__ == "__main__":
    main()

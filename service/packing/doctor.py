"""What a file is, read without opening it: no code of it runs, and nothing that it names is made or called.

    for heading, sentence in examine(Path("classifier.pkl")):
        print(heading, sentence)        # "what it is  a pickle", "made with  scikit-learn 1.5.2", ...

A pickle is listed by pickle_file, a checkpoint and an MLflow model by their descriptions, everything else by how it
begins.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from ..models.runtimes import boosters, onnx_files
from ..models.runtimes.graph_reading import read_graph
from ..models.runtimes.library_versions import DISTRIBUTIONS
from ..models.runtimes.pickle_rules import resolve
from ..store.missing_libraries import COMPILED as LIBRARIES
from . import mlflow_folder
from .checkpoint_task import CONFIG, MODULES, check_generates_text, kind_of
from .networks.files import is_network_file
from .open_source_file import refusal_sentence, version_hint
from .other_ways import CLASS_WAY
from .pickle_file import Contents, contents
from .torch_programs import is_program, script_sentence
from .translate import TRANSLATORS, public_name

__all__ = ["examine"]

Finding = tuple[str, str]  # (heading, what is to be said under it)

IS, MADE, IMPORTS, NEEDS, TRUST, COMPILES, NEXT = (
    *("what it is", "made with", "it would import", "it needs here"),
    *("trust", "would compile", "next"),
)
LISTED = 12  # names in one finding
PROJECTS = {"PIL": "pillow"}  # packages that no model is pickled with, by what pip calls them
# What a checkpoint of each kind is that becomes a graph.
ENCODERS = {
    "fill_mask": "which tells the likeliest tokens for masks in texts",
    "image_classification": "which tells what an image is",
    "text_classification": "which tells what a text is; a reranker without a mark looks the same: --task rerank",
    "text_embedding": "which turns texts into vectors",
    "text_reranking": "which tells how well texts answer a query",
    "token_classification": "which finds entities in texts",
    "zero_shot_classification": "which judges labels of the request; --task classify makes a classifier of texts of it",
}
OWN = frozenset({"builtins", "copyreg", "collections", "_codecs", "functools", "datetime"})


def examine(path: Path) -> Iterator[Finding]:
    """Yield what can be said of a file or a folder. Raises OSError where it is not there, ValueError for a bad one."""
    if path.is_dir():
        yield from of_folder(path)
        return
    if ".py:" in path.name or path.suffix == ".py":
        yield IS, "Python: a typed class in it can be packed as FILE.py:Class, which imports the file"
        return
    with open(path, "rb") as file:
        head = file.read(2**10)
    if path.suffix == ".skops":
        yield IS, "a .skops file: an estimator without pickle, opened by the types that DAYLIGHT_TRUSTED_TYPES allows"
    elif zipfile.is_zipfile(path):
        yield from of_archive(path)
    elif path.suffix == ".safetensors":
        yield IS, f"weights alone, as safetensors; {CLASS_WAY}"
    elif is_network_file(path):
        yield IS, "an ONNX graph whose inputs are no table: it would be packed as a network, which computes tensors"
        yield COMPILES, "it is a graph already, and served as one"
        yield NEXT, f"daylight pack {path}"
    elif path.suffix == onnx_files.SUFFIX:
        yield from of_graph(path)
    elif path.suffix in boosters.SUFFIXES and not head.startswith(b"\x80"):
        yield from of_booster(path)
    else:
        yield from of_pickle(path)


def of_folder(path: Path) -> Iterator[Finding]:
    if mlflow_folder.is_folder(path):
        file, example = mlflow_folder.read_folder(path)
        rows = "no input example: give it --data" if example is None else f"an input example of {len(example)} rows"
        yield IS, f"the folder of an MLflow model, whose file is {file.name}; {rows}"
        yield from examine(file)
    elif (path / CONFIG).is_file() or (path / MODULES).is_file():
        yield from of_checkpoint(path)
    else:
        yield (
            IS,
            f"a folder without config.json and without MLmodel: neither a checkpoint nor an MLflow model; {CLASS_WAY}",
        )


def of_checkpoint(path: Path) -> Iterator[Finding]:
    """Of the folder of a checkpoint: what it would be packed as, by its files alone."""
    try:
        kind = kind_of(path)
        if kind not in ENCODERS:
            check_generates_text(path)
    except ValueError as error:
        yield IS, str(error)
        return
    if kind not in ENCODERS:
        yield IS, "a checkpoint of a text generator"
    else:
        yield IS, f"a checkpoint that becomes a graph: it would be packed as {kind}, {ENCODERS[kind]}"
        _, libraries = LIBRARIES[kind]
        yield from needs({*libraries, "onnxruntime", "torch", "transformers", "onnxscript"})
        yield (
            COMPILES,
            "yes, by torch's exporter, and only where the graph gives torch's numbers: it is served as a graph",
        )
    yield NEXT, f"daylight pack {path}"


def of_archive(path: Path) -> Iterator[Finding]:
    if script := script_sentence(path):
        yield IS, script
        return
    if is_program(path):
        yield IS, "a program of torch.export: it would be packed as a network, which computes tensors of tensors"
        yield from needs({"onnxruntime", "torch", "onnxscript"})
        yield COMPILES, "by torch's exporter, and it is packed only where the graph's outputs are torch's"
        yield NEXT, f"daylight pack {path}"
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        yield (
            IS,
            f"tensors or a module that torch has saved; of a text generator, pack its folder. Otherwise, {CLASS_WAY}",
        )
    else:
        yield IS, f"a zip archive of {len(names)} files, which is no model"


def of_graph(path: Path) -> Iterator[Finding]:
    """Of an ONNX file. Raises ValueError for what cannot be served."""
    try:
        graph = read_graph(path.read_bytes(), path.parent)
    except ValueError as error:
        raise ValueError(f"{path} cannot be served: {error}") from None
    yield IS, f"an ONNX graph, in opset {graph.opset}" + (", its weights in other files" if graph.external else "")
    yield MADE, graph.made_with or "it does not say"
    taken = [f"{each.name} ({each.width or 'any number of'} columns of {each.dtype})" for each in graph.inputs]
    yield "it takes", shortened(taken) + (", one row a call" if graph.at_once else "")
    labels = "" if graph.labels is None else f"; labels {shortened(list(map(str, graph.labels)))}"
    yield "it answers", ", ".join(f"{name} ({dtype})" for name, dtype in graph.dtypes.items()) + labels
    yield NEEDS, f"onnxruntime {version('onnxruntime')}: installed"
    yield (
        COMPILES,
        "it is a graph already, and served as one; columns of any text are read outside it",
    )
    yield NEXT, next_step(path)


def of_booster(path: Path) -> Iterator[Finding]:
    with open(path, "rb") as file:
        library = boosters.library_of(file)
    yield IS, f"a model that {library} has saved itself"
    yield from needs({library})
    yield COMPILES, "yes, where the graph is proven equal on the sample"
    yield NEXT, next_step(path)


def of_pickle(path: Path) -> Iterator[Finding]:
    with open(path, "rb") as file:
        listed = contents(file)
    yield IS, "a pickle, as pickle or joblib write it"
    if listed.sklearn:
        yield MADE, version_hint(listed.sklearn) or f"scikit-learn {listed.sklearn}, as is installed"
    packages = {name.partition(".")[0] for name in listed.imports} - OWN
    yield IMPORTS, shortened(sorted(listed.imports)) or "nothing"
    yield from needs(packages)
    refused = listed.refused()
    yield TRUST, refusal_sentence(refused) if refused else "all that it imports is known to be safe in a model"
    yield COMPILES, compiles(listed)
    yield NEXT, next_step(path)


def needs(packages: set[str]) -> Iterator[Finding]:
    """The packages that a file imports: those that are installed with their release, the others as to be installed."""
    distributions = packages_distributions()
    found, absent = [], []
    for package in sorted(packages):
        if find_spec(package) is None:
            absent.append(PROJECTS.get(package) or DISTRIBUTIONS.get(package, (package,))[0])
        else:
            found += [f"{name} {version(name)}" for name in sorted(set(distributions.get(package, ())))[:1]]
    if found:
        yield NEEDS, f"{', '.join(found)}: installed"
    if absent:
        yield NEEDS, f"not installed: pip install {' '.join(absent)}, or carry modules of your own with --code"


def compiles(listed: Contents) -> str:
    """What the classes that a pickle names say of a graph; the sample has the last word."""
    classes = [value for name in sorted(listed.imports) if isinstance(value := known(name), type)]
    models = [each for each in classes if hasattr(each, "predict") and hasattr(each, "get_params")]
    if not models:
        return (
            "it names no class that predicts" if not listed.refused() else "that cannot be told of classes unknown here"
        )
    untold = sorted({each.__name__ for each in models if public_name(each) not in TRANSLATORS})
    untold = [name for name in untold if not name.startswith("_")] or untold
    if untold:
        return f"no: {', '.join(untold)} has no translation, so the library itself would serve it"
    return "yes, where the graph of the whole is proven equal on the sample"


def known(name: str) -> object:
    """What a name of a known library stands for; None of any other, which is not imported."""
    return resolve(name) if name.partition(".")[0] in DISTRIBUTIONS else None


def shortened(names: list[str]) -> str:
    more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def next_step(path: Path) -> str:
    return f"daylight pack {path} --data sample.csv (or .parquet, which keeps types)"

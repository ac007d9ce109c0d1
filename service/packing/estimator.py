"""Pack any fitted scikit-learn object: learn its contract, compile what is proven equal, write the version.

    version = pack(estimator, X, y, name="tumour", store="artifacts")
    version = pack_file("classifier.pkl", data="data.csv", target=["Target"])

Proof: every sample row (a thousand at most) is sent through the same column plan that will serve requests, and must
give what the estimator gives in process. What can be compiled and proven equal is served by its graph
(packing.compilation); the pickle stays beside it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib

from ..errors import InvalidInstances, in_a_line
from ..models.explanations.output import EXPLANATION
from ..models.runtimes import onnx_files
from ..models.runtimes.boosters import as_estimator
from ..models.runtimes.onnx_files import OnnxModel
from ..models.stored_rows import PROFILE
from ..store.draft import Draft
from ..store.manifest import Manifest
from ..store.versions import StoredVersion, check_name
from . import mlflow_folder
from .background import BACKGROUND, background
from .compilation import Compiled, compile_model
from .contract import Contract, learn_contract
from .networks.files import is_network_file
from .open_source_file import Opened, carry, known_of_written, open_file, open_store, promotes, told
from .profile import PROFILE_FILE, profile
from .provenance import provenance
from .sample_file import KEEPS_TYPES, SampleFile, read_sample_file
from .score import HELD_OUT, SAMPLE, score
from .torch_programs import is_program

__all__ = ["pack", "pack_file"]

LIBRARIES = ("scikit-learn", "numpy", "scipy", "joblib", "pandas", "onnx", "onnxruntime")


def pack(
    estimator: Any,
    X: Any = None,
    y: Any = None,
    *,
    name: str,
    store: Path | str | None = None,
    version: str | None = None,
    promote: bool | None = None,
    why: str = "",
    metrics: Mapping[str, Any] | None = None,
    held_out: tuple[Any, Any] | None = None,
    code: Iterable[Path | str] = (),
    runtime: str = "auto",
) -> StoredVersion:
    """Pack a fitted estimator, a Booster of XGBoost or LightGBM, or an onnx.ModelProto, as a new version of the model
    `name`. The path of a file with one of these is packed with the rows given here, as pack_file packs it with a file.
    A torch.nn.Module is packed with example inputs in the place of rows, a program of torch.export with none; with a
    DataFrame, either becomes a table of its columns.

    It becomes current unless told otherwise.

    X: DataFrame or ndarray [rows, columns], or texts [rows]; the rows it was fitted on, or rows like them (default:
    none, and what the estimator does not tell is assumed); of a module, a tensor, a tuple of the arguments of
    `forward`, or a dict of them by name. y: the targets, for their names and a score. held_out:
    (X, y) that the model was not fitted on, to be scored on instead. store: the folder of
    models (default: what DAYLIGHT_STORE names, or artifacts/). promote: whether the version becomes current (default:
    as DAYLIGHT_PROMOTE says). why: for the history. metrics: in the place of a score, as they are. code:
    Python files with the modules of your own that the estimator needs. runtime: "auto" compiles what can be proven
    equal to scikit-learn, "sklearn" never does.

    Returns the new version. Raises ValueError that says what cannot be packed, and why.
    """
    check_name(name)
    network = is_torch(estimator)
    if (network or is_network(estimator)) and not hasattr(X, "columns"):
        return packed_network(
            estimator, X, name=name, store=store, version=version, promote=promote, why=why, metrics=metrics
        )
    path = Path(estimator) if isinstance(estimator, str | Path) else None
    given = table_of(estimator, X) if network else estimator
    if path and not network:
        opened = open_file(path, code=code)
    else:
        opened = Opened(onnx_files.as_estimator(as_estimator(given)))
    with told(opened.hint):
        contract = learn_contract(opened.estimator, X, y)
        compiled = compiled_of(contract, runtime, alone=not (network and path))
    if metrics is None:
        metrics = scored(contract, X, y, held_out)
    to = open_store(store)
    with to.adding(name, version, promote=promotes(promote), why=why) as draft:
        known = put_file(draft, path, opened, code) if path else put_object(draft, given, opened, code)
        draft.manifest = written(draft, contract, compiled, metrics, **known)
    return to.open(draft.model, draft.version)


def pack_file(
    path: Path | str,
    *,
    name: str | None = None,
    data: Path | str | None = None,
    target: Sequence[str] = (),
    store: Path | str | None = None,
    version: str | None = None,
    promote: bool | None = None,
    why: str = "",
    metrics: Mapping[str, Any] | None = None,
    held_out: Path | str | None = None,
    trust: Sequence[str] = (),
    code: Iterable[Path | str] = (),
    runtime: str = "auto",
) -> StoredVersion:
    """Pack a `.pkl`, `.joblib`, `.skops` or `.onnx` file, or one that XGBoost, LightGBM or CatBoost has written itself
    (`.json`, `.ubj`, `.txt`, `.cbm`), a `.pt2` that torch.export has saved, its bytes unchanged; or the folder of an
    MLflow model that holds one of these. It is opened in this process, without the sandbox of the command line.

    data: a CSV or Parquet file of sample rows (default: the input example of an MLflow model). held_out: another one,
    with the targets, of rows that the model was not fitted on, to be scored on.

    target: the columns of `data` that are not inputs. trust: dotted names that a pickle may import besides the known
    packages. code: Python files that it needs. name (default: the file's), store, version, promote, why, metrics,
    runtime: as in `pack`.

    Returns the new version. Raises ValueError or FileNotFoundError.
    """
    path, example, registered = Path(path), None, {}
    name = check_name(name or path.resolve().stem)
    network = is_torch(path)
    if (network or is_network(path)) and data is None:
        return packed_network(path, name=name, store=store, version=version, promote=promote, why=why, metrics=metrics)
    if mlflow_folder.is_folder(path):
        registered = mlflow_folder.registered_as(path)
        path, example = mlflow_folder.read_folder(path)
    opened = Opened(onnx_files.as_estimator(table_of(path))) if network else open_file(path, trust, code)
    if registered:
        opened.known["registry"] = registered
    with told(opened.hint):
        if data is not None:
            sample = read_sample_file(data, list(target), opened.estimator)
            contract, sample = learn_from_file(opened, sample)
        else:
            sample = SampleFile(example)
            contract = learn_contract(opened.estimator, example)
        compiled = compiled_of(contract, runtime, alone=not network)
    if metrics is None:
        unseen = held_out and read_sample_file(held_out, list(target), opened.estimator)
        metrics = scored(contract, sample.X, sample.y, (unseen.X, unseen.y) if unseen else None)
    if opened.hint:
        contract = contract.noting(f"{opened.hint} to have the answers it was tested with")
    to = open_store(store)
    with to.adding(name, version, promote=promotes(promote), why=why) as draft:
        draft.manifest = written(draft, contract, compiled, metrics, **put_file(draft, path, opened, code))
    return to.open(draft.model, draft.version)


def is_network(given: Any) -> bool:
    """Whether it is the path of a network over tensors."""
    return isinstance(given, str | Path) and is_network_file(Path(given))


def is_torch(given: Any) -> bool:
    """Whether it is a module of torch, a program of torch.export, or the path of one."""
    if isinstance(given, str | Path):
        return is_program(Path(given))
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.nn.Module | torch.export.ExportedProgram)


def packed_network(network: Any, example_inputs: Any = None, **options: Any) -> StoredVersion:
    """A network over tensors; what packs one of torch imports torch. Raises ValueError."""
    if isinstance(network, str | Path) and Path(network).suffix == onnx_files.SUFFIX:
        from .networks.onnx_file import pack_onnx_network

        return pack_onnx_network(network, **options)
    from .networks.pack import pack_network

    return pack_network(network, example_inputs, **options)


def table_of(network: Any, X: Any = None) -> Any:
    """A network of torch over the rows of a table as an onnx.ModelProto. Raises ValueError."""
    from .networks.table import table_graph

    return table_graph(network, X)


def compiled_of(contract: Contract, runtime: str, *, alone: bool = True) -> Compiled:
    """As `compile_model`. Raises ValueError for an ONNX file that is to serve itself without its other files.

    alone: whether the file can be served where it is not compiled.
    """
    compiled = compile_model(contract, runtime)
    if not compiled.files and not alone:
        raise ValueError(f"it cannot be compiled: {compiled.runtime['reason']}")
    if not compiled.files and isinstance(contract.estimator, OnnxModel) and contract.estimator.graph.external:
        raise ValueError(
            f"{compiled.runtime['reason']}, and its weights lie in other files: write one of them all, as "
            f"onnx.save(onnx.load('model.onnx'), 'whole.onnx') does, and pack that"
        )
    return compiled


def put_file(draft: Draft, path: Path, opened: Opened, code: Iterable[Path | str]) -> dict[str, Any]:
    """Copy the file and the code it needs into a draft; returns its payload, and what is known of it."""
    shutil.copyfile(path, draft.folder / path.name)
    carry(draft, code)
    return {"payload": path.name, "source": path.name, **opened.known}


def put_object(draft: Draft, given: Any, opened: Opened, code: Iterable[Path | str]) -> dict[str, Any]:
    """Write what this process has fitted or made into a draft; as `put_file`."""
    if isinstance(opened.estimator, OnnxModel):
        payload = draft.folder / f"model{onnx_files.SUFFIX}"
        payload.write_bytes(given.SerializeToString())
        return {"payload": payload.name}
    payload = draft.folder / "model.joblib"
    dump(given, payload)
    return {"payload": payload.name, **known_of_written(payload, carry(draft, code))}


def dump(estimator: Any, path: Path) -> None:
    """Write the pickle. Raises ValueError for what pickle cannot write, OSError where the disk is full."""
    try:
        joblib.dump(estimator, path)
    except OSError:
        raise
    except Exception as error:  # pickle's own errors are of many types
        raise ValueError(
            f"{type(estimator).__name__} cannot be pickled: {in_a_line(error, 200)}. A server imports functions and "
            f"classes by their names: define them in a file such as mymodule.py, import them from there, fit again "
            f"and pass code=['mymodule.py']"
        ) from error


def scored(contract: Contract, X: Any, y: Any, held_out: tuple[Any, Any] | None) -> dict[str, Any]:
    """The score on held-out rows, or else on the sample. Raises ValueError for held-out rows it does not take."""
    if held_out is not None:
        return score(contract, *held_out, on=HELD_OUT)
    try:
        return score(contract, X, y, on=SAMPLE)
    except (InvalidInstances, ValueError):  # some rows of the sample are beyond JSON, as a note says
        return {}


def learn_from_file(opened: Opened, sample: SampleFile) -> tuple[Contract, SampleFile]:
    """(the contract, the sample), whose types may have been guessed: texts that are dates are tried as dates, too."""
    try:
        contract = learn_contract(opened.estimator, sample.X, sample.y, sample.missing)
        return contract.noting(*sample.notes), sample
    except ValueError as error:
        if not sample.is_csv or not len(sample.X.select_dtypes(["object", "str"]).columns):
            raise
        dated = sample.with_dates()
        if dated is None:
            raise ValueError(f"{error}; {KEEPS_TYPES}") from error
        try:
            return learn_from_file(opened, replace(dated, is_csv=False))
        except ValueError:
            raise ValueError(f"{error}; {KEEPS_TYPES}") from error


def written(
    draft: Draft,
    contract: Contract,
    compiled: Compiled,
    metrics: Mapping[str, Any] | None,
    *,
    payload: str,
    **known: Any,
) -> Manifest:
    """Write the compiled files, the background rows and the sample's profile into the draft; returns the manifest of
    everything in it.
    """
    explanation, rows = background(contract)
    profiled, distributions = profile(contract)
    for name, content in {**compiled.files, BACKGROUND: rows, PROFILE_FILE: distributions}.items():
        if content is not None:
            (draft.folder / name).write_bytes(content)
    return Manifest(
        model=draft.model,
        version=draft.version,
        kind="tabular",
        files=draft.digests(),
        spec=contract.spec()
        | {"runtime": compiled.runtime, "payload": payload, EXPLANATION: explanation}
        | ({} if profiled is None else {PROFILE: profiled}),
        example=contract.example,
        metrics=dict(metrics or {}),
        provenance=provenance(*LIBRARIES, rows=contract.sample_rows, **known),
    )

"""The version of a network: the file it was made of, its graph, proven, the example, and the manifest of all.

publish(reference, Path("model.pt2"), libraries=LIBRARIES, name="digits")
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import in_a_line
from ...models.networks.network import EXAMPLE, GRAPH, open_graph
from ...store.draft import Draft
from ...store.manifest import Manifest
from ...store.versions import StoredVersion
from ..open_source_file import carry, open_store, promotes
from ..provenance import provenance
from .proof import Proven, Reference, prove

__all__ = ["publish"]

SHOWN = 256  # numbers of the example that the manifest, and so the pages, may hold


def publish(
    reference: Reference,
    path: Path | None,
    code: Iterable[Path] = (),
    *,
    libraries: Sequence[str],
    name: str,
    store: Path | str | None = None,
    version: str | None = None,
    promote: bool | None = None,
    why: str = "",
    metrics: Mapping[str, Any] | None = None,
) -> StoredVersion:
    """The version of a network. path: the file that it was made of, code: Python files that were needed for it; copies
    of both are kept in the version, where nothing opens them. libraries: for the provenance. Raises ValueError.
    """
    opened = open_store(store)
    with opened.adding(name, version, promote=promotes(promote), why=why) as draft:
        carry(draft, code)
        if path is not None:
            shutil.copyfile(path, draft.folder / path.name)
        source, payload = (path.name, {"payload": path.name}) if path else ("", {})
        draft.manifest = written(draft, reference, payload, dict(metrics or {}), libraries, source)
    return opened.open(draft.model, draft.version)


def written(
    draft: Draft,
    reference: Reference,
    payload: dict[str, str],
    metrics: dict[str, Any],
    libraries: Sequence[str],
    source: str,
) -> Manifest:
    """Write the graph and the example into the draft, once they are proven; returns the manifest. Raises ValueError."""
    reference.write_graph(draft.folder / GRAPH)
    spec: dict[str, Any] = {
        "task": "network",
        "parameter_count": reference.parameter_count,
        "inputs": {each.name: each.to_json() for each in reference.inputs},
        "outputs": reference.outputs,
        "sizes": {name: list(limits) for name, limits in reference.sizes.items()},
        "notes": notes_of(reference),
        "runtime": {"name": "onnx", "reference": reference.name, "payload": GRAPH},
        **payload,
    }
    draft_version = StoredVersion(draft.folder, Manifest(draft.model, draft.version, "network", draft.digests(), spec))
    try:
        session = open_graph(draft_version)
    except Exception as error:  # ONNX Runtime raises types of its own
        raise ValueError(f"it cannot be compiled: its graph is not served: {in_a_line(error, 240)}") from error
    proven = prove(reference, session)
    write_example(draft.folder / EXAMPLE, proven)
    for name, least in proven.least.items():
        spec["inputs"][name]["minimum"] = least
    spec["runtime"] |= proven.runtime
    return Manifest(
        model=draft.model,
        version=draft.version,
        kind="network",
        files=draft.digests(),
        spec=spec,
        example=shown_example(proven),
        metrics=metrics,
        provenance=provenance(*libraries, **({"source": source} if source else {})),
    )


def notes_of(reference: Reference) -> list[str]:
    if reference.sizes:
        return []
    first = reference.inputs[0]
    return [
        f"it was exported for tensors of exactly these shapes (input {first.name!r} is {list(first.shape)}), and takes "
        "no others: torch.export.export(..., dynamic_shapes=...) makes one for any number of rows"
    ]


def write_example(path: Path, proven: Proven) -> None:
    arrays = {f"in/{name}": array for name, array in proven.inputs.items()}
    arrays |= {f"out/{name}": array for name, array in proven.outputs.items()}
    np.savez(path, allow_pickle=False, **arrays)


def shown_example(proven: Proven) -> dict[str, Any]:
    """{"inputs", "outputs"}, by name, where it is small enough to be shown; else nothing."""
    if sum(array.size for array in (*proven.inputs.values(), *proven.outputs.values())) > SHOWN:
        return {}
    if not all(np.isfinite(array).all() for array in (*proven.inputs.values(), *proven.outputs.values())):
        return {}
    both = {"inputs": proven.inputs, "outputs": proven.outputs}
    return {key: {name: array.tolist() for name, array in arrays.items()} for key, arrays in both.items()}

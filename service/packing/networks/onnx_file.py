"""Pack an ONNX file whose inputs are no table: a network of any exporter, served as it is.

    pack_onnx_network(Path("resnet.onnx"), name="resnet")

The graph is written anew, with its weights in a file of their own that workers map, and proven to give what the file as
it is gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ...errors import in_a_line
from ...models.networks.tensors import DTYPES, TensorSpec
from ...models.runtimes.graph_files import check_file, external_files
from ...models.runtimes.graph_reading import check_opsets, dtype_of
from ...models.runtimes.onnx_files import session_of_bytes
from ...store.versions import StoredVersion, check_name
from .proof import Arrays
from .written import publish

__all__ = ["pack_onnx_network"]

LIBRARIES = ("onnx", "onnxruntime", "numpy")
EXTERNAL = 1024  # bytes from which a weight lies in the file of weights


def pack_onnx_network(
    path: Path | str,
    *,
    name: str,
    store: Path | str | None = None,
    version: str | None = None,
    promote: bool | None = None,
    why: str = "",
    metrics: Mapping[str, Any] | None = None,
) -> StoredVersion:
    """Pack an ONNX file as a new version of the network `name`. store, version, promote, why, metrics: as in
    `packing.pack`.

    Returns the new version. Raises ValueError that says what cannot be packed, and why.
    """
    check_name(name)
    path = Path(path)
    try:
        reference = OnnxFile(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be served: {error}") from None
    return publish(
        reference,
        path,
        libraries=LIBRARIES,
        name=name,
        store=store,
        version=version,
        promote=promote,
        why=why,
        metrics=metrics,
    )


class OnnxFile:
    """The file as it is, as the Reference of its proof."""

    name = "ONNX Runtime with the file as it is"

    def __init__(self, path: Path) -> None:
        """Raises ValueError for what cannot be served."""
        content = path.read_bytes()
        check_file(content)
        external = external_files(content, path.parent)
        try:
            self.model = onnx.load_model_from_string(content)
            if external:
                onnx.load_external_data_for_model(self.model, str(path.parent))
        except Exception as error:  # what protocol buffers raise for bytes that are none
            raise ValueError(f"no ONNX model: {in_a_line(error, 200)}") from None
        check_opsets(self.model)
        graph = self.model.graph
        held = {tensor.name for tensor in graph.initializer}
        self.sizes: dict[str, tuple[int, int | None]] = {}
        self.sample: Arrays = {}
        given = [value for value in graph.input if value.name not in held]
        self.inputs = [TensorSpec(each.name, number_of(each), self._shape(each)) for each in given]
        self.outputs = {each.name: {"dtype": number_of(each), "shape": self._given(each)} for each in graph.output}
        self._session = session_of_bytes(self.model.SerializeToString() if external else content)

    def _shape(self, value: Any) -> tuple[int | str, ...]:
        """Of an input: a dimension that has a name, or nothing, in the place of a size may vary."""
        if not value.type.tensor_type.HasField("shape"):
            raise ValueError(f"input {value.name!r} has no shape: export the graph with the shapes of its inputs")
        shape: list[int | str] = []
        for each in value.type.tensor_type.shape.dim:
            if each.dim_value > 0:
                shape.append(each.dim_value)
                continue
            name = each.dim_param if each.dim_param.isidentifier() else f"size_{len(self.sizes)}"
            self.sizes.setdefault(name, (1, None))
            shape.append(name)
        return tuple(shape)

    def _given(self, value: Any) -> list[int | str | None]:
        dimensions = value.type.tensor_type.shape.dim
        return [each.dim_value or (each.dim_param if each.dim_param in self.sizes else None) for each in dimensions]

    @property
    def parameter_count(self) -> int:
        return sum(int(np.prod(tensor.dims)) for tensor in self.model.graph.initializer)

    def run(self, feeds: Mapping[str, np.ndarray]) -> Arrays:
        return dict(zip(self.outputs, self._session.run(list(self.outputs), dict(feeds)), strict=True))

    def write_graph(self, path: Path) -> None:
        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        for tensor in copy.graph.initializer:  # only raw bytes can lie in another file
            if not tensor.HasField("raw_data") and tensor.data_type != onnx.TensorProto.STRING:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
        onnx.save(copy, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=EXTERNAL)


def number_of(value: Any) -> str:
    """The dtype of an input or output. Raises ValueError where it holds neither numbers nor truth values."""
    dtype = dtype_of(value)
    if dtype not in DTYPES:
        raise ValueError(f"{value.name!r} is of {dtype or 'a type that numpy has not'}; served are {', '.join(DTYPES)}")
    return dtype

"""ONNX files whose inputs have more dimensions than a table are networks over tensors."""

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from service.capabilities import TensorCall
from service.cli import main
from service.models import load
from service.packing import pack, pack_file
from service.settings import Settings
from service.store.versions import Store

WEIGHTS = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)


def save(path, operator, kind, shape):
    """The file of one operator from x to y."""
    node = helper.make_node(operator, ["x"], ["y"])
    return saved(path, [node], tensor("x", kind, shape), tensor("y", kind, shape))


def saved(path, nodes, taken, given, constants=(), **options):
    graph = helper.make_graph(nodes, "g", [taken], [given], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path, **options)
    return path


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.mark.parametrize(
    "options", [{}, {"save_as_external_data": True, "size_threshold": 0, "location": "w.data"}], ids=["one", "two"]
)
def test_a_file_is_packed_as_it_is(tmp_path, options):
    path = saved(
        tmp_path / "network.onnx",
        [
            helper.make_node("Conv", ["image", "weights"], ["seen"]),
            helper.make_node("GlobalMaxPool", ["seen"], ["most"]),
        ],
        tensor("image", TensorProto.FLOAT, ["rows", 3, "height", "width"]),
        tensor("most", TensorProto.FLOAT, ["rows", 4, 1, 1]),
        [numpy_helper.from_array(WEIGHTS, "weights")],
        **options,
    )
    told = CliRunner().invoke(main, ["pack", str(path), "--store", str(tmp_path / "store")])
    assert told.exit_code == 0, told.output
    assert "packed network version 1 (network)" in told.output
    assert "input image: float32 [rows, 3, height, width]" in told.output
    assert "it would be packed as a network" in CliRunner().invoke(main, ["doctor", str(path)]).output
    assert "equal to ONNX Runtime with the file as it is on 5 inputs of 1, 2, 7 rows" in told.output
    model = load(Store(tmp_path / "store").open("network"), Settings())
    model.warm_up()
    image = np.random.default_rng(1).standard_normal((2, 3, 9, 7)).astype(np.float32)
    (found,) = model.run(TensorCall(image)).outputs.values()
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), (2, 3))
    wanted = np.einsum("nchwij,ocij->nohw", windows, WEIGHTS).max((2, 3))
    assert np.allclose(found[..., 0, 0], wanted, atol=1e-4)


def test_a_fixed_number_of_rows_is_told(tmp_path):
    path = save(tmp_path / "one.onnx", "Relu", TensorProto.DOUBLE, [1, 2, 2])
    version = pack(path, name="one", store=tmp_path / "store")
    assert "exactly these shapes (input 'x' is [1, 2, 2])" in version.manifest.spec["notes"][0]
    assert version.manifest.example["outputs"]["y"]


def test_what_is_no_network_is_refused_by_name(tmp_path):
    words = save(tmp_path / "words.onnx", "Identity", TensorProto.STRING, ["n", 1, 1])
    with pytest.raises(ValueError, match="'x' is of str; served are bool"):
        pack_file(words, store=tmp_path / "store")
    drawn = save(tmp_path / "drawn.onnx", "RandomNormalLike", TensorProto.FLOAT, ["n", 1, 1])
    with pytest.raises(ValueError, match="cannot be served: the graph has the operator 'RandomNormalLike'"):
        pack_file(drawn, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()

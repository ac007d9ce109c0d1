"""ONNX files that cannot be served are refused, in one sentence that says why and what to do."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from service.packing import pack, pack_file
from tests.support import graphs
from tests.support.graphs import of_nodes, table


def packed(tmp_path, made, X):
    return pack(made, X, name="m", store=tmp_path / "store")


def linked(made, place):
    """The model, its first constant said to lie at this place."""
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return made


def looped():
    body = helper.make_graph([], "body", [], [])
    return of_nodes(helper.make_node("Loop", ["", "", "X"], ["Y"], body=body))


def sized_by_a_cell():
    size = helper.make_node("Cast", ["X"], ["sizes"], to=TensorProto.INT64)
    return of_nodes(size, helper.make_node("Expand", ["one", "sizes"], ["Y"]), constants={"one": np.float32([1])})


def sparse(place=None):
    """A tensor [1], given by the one value of it that is not 0. place: of the file in which that lies."""
    values = numpy_helper.from_array(np.float32([1]), "s")
    if place:
        values.ClearField("raw_data")
        values.data_location = TensorProto.EXTERNAL
        values.external_data.add(key="location", value=place)
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.int64([0]), "places"), [1])


def of_sparse(place=None):
    made = of_nodes(helper.make_node("Add", ["X", "s"], ["Y"]))
    made.graph.sparse_initializer.append(sparse(place))
    return made


def of_sparse_constant():
    constant = helper.make_node("Constant", [], ["s"], sparse_value=sparse("../secret"))
    return of_nodes(constant, helper.make_node("Add", ["X", "s"], ["Y"]))


def of_sequence():
    made = graphs.named_outputs()
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [None]))
    made.graph.output[0].CopyFrom(helper.make_value_info("positive", kind))
    return made


TANH = helper.make_node("Tanh", ["X"], ["Y"])
SECRET = helper.make_node("Secret", ["X"], ["Y"], domain="acme")
MATMUL = helper.make_node("MatMul", ["X", "w"], ["Y"])
REFUSALS = {
    "rows": (graphs.of_rows(5), "takes exactly 5 rows a call .*dynamic_axes"),
    "loop": (looped(), "the operator 'Loop', which holds or repeats graphs"),
    "custom": (
        of_nodes(SECRET, domains={"acme": 1}),
        "'Secret' of 'acme'",
    ),
    "random": (of_nodes(helper.make_node("RandomNormalLike", ["X"], ["Y"])), "answers the same row otherwise"),
    "size": (sized_by_a_cell(), "Expand takes a size from the rows"),
    "new": (of_nodes(TANH, domains={"": 99}), "opset 99 of ai.onnx, and .* is the newest"),
    "newer trees": (of_nodes(TANH, domains={"ai.onnx.ml": 44}), "opset 44 of ai.onnx.ml"),
    "old": (of_nodes(TANH, domains={"": 5}), "opset 5; .*convert_version"),
    "outside": (linked(graphs.people(), "../secret"), "outside its own folder"),
    "absolute": (linked(graphs.people(), "/etc/passwd"), "outside its own folder"),
    "absent": (linked(graphs.people(), "gone.data"), "which is not beside it"),
    "sparse": (of_sparse(), "sparse tensors: write them as plain ones"),
    "sparse outside": (of_sparse("../secret"), "sparse tensors"),
    "sparse constant": (of_sparse_constant(), "sparse tensors"),
    "image": (of_nodes(TANH, shape=(None, 3, 8, 8)), "table has rows and columns.*typed Python class"),
    "complex": (of_nodes(TANH, kind=TensorProto.COMPLEX64), "of a type that no cell of a table has"),
    "sequence": (of_sequence(), "output 'positive' is of a type"),
    "broken": (b"\x08\x09\x12", "breaks off|no graph"),
    "text": (b"not a model at all", "no protocol buffer|breaks off|no graph"),
    "empty": (b"", "no graph"),
    "shapes": (
        of_nodes(MATMUL, constants={"w": np.float32([[1], [2]])}),
        "cannot run it",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_served_is_refused_in_one_sentence(tmp_path, case):
    made, reason = REFUSALS[case]
    file = tmp_path / "m.onnx"
    file.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    with pytest.raises(ValueError, match=reason) as refused:
        packed(tmp_path, file, table())
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "store" / "m").exists()


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(24))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "weights").symlink_to(tmp_path / "secret")
    (folder / "m.onnx").write_bytes(linked(graphs.people(), "weights").SerializeToString())
    with pytest.raises(ValueError, match="outside its own folder"):
        packed(tmp_path, folder / "m.onnx", table())


def test_a_sample_of_other_columns_is_refused(tmp_path):
    with pytest.raises(ValueError, match="fitted on 3 columns, the sample has 2"):
        packed(tmp_path, graphs.classifier(), table()[["a", "b"]])


def test_every_cut_of_a_file_is_refused(tmp_path):
    content = graphs.zipped_classifier().SerializeToString()
    for end in range(0, len(content), 7):
        (tmp_path / "cut.onnx").write_bytes(content[:end])
        with pytest.raises(ValueError, match="cannot be served"):
            pack_file(tmp_path / "cut.onnx", store=tmp_path / "store")

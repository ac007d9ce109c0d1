"""Files that ask for endless work or lead compiled code out of its memory are refused before it is done.

Each was found among damaged copies of real files; without the check it hung, ended the process, or took a number of the
file for a pointer.
"""

import io
import pickle
import time

import joblib
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neighbors import KDTree
from sklearn.tree import DecisionTreeClassifier

from service.models.runtimes import pickles
from service.models.runtimes.graph_rules import check_decoder, check_table
from service.packing.open_source_file import open_file
from tests.support.pickle_writer import Call, Name, dumps, encoded

X, Y = load_iris(return_X_y=True)
TWICE = b"2\x86" * 60  # DUP, TUPLE2


def listed(depth):
    """A list that holds a list twice, which holds a list twice, ..."""
    made = b"]"
    for level in range(depth):
        place = bytes([level + 1])
        made += b"q" + place + b"0](" + (b"h" + place) * 2 + b"e"
    return made


ENDLESS = {
    "a key": b"})" + TWICE + b"Ns",
    "a member": b"\x8f()" + TWICE + b"\x90",
    "a deep key": b"})" + b"\x85" * 200_000 + b"Ns",
    "an argument": encoded(Name("numpy:dtype")) + listed(60) + b"\x85R",
    "a list of itself": encoded(Name("numpy:dtype")) + b"]q\x01h\x01a" + b"\x85R",
    "numbers": encoded(Call(Name("collections:deque"), (Call(Name("builtins:range"), (10**12,)), 0))),
    "bytes": encoded(Call(Name("builtins:list"), (Call(Name("builtins:bytearray"), (10**10,)),))),
    "a name": b"cnumpy\nnd\x1b[2Jarray\n",
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_would_never_end_is_refused_at_once(tmp_path, what):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04" + ENDLESS[what] + b".")
    began = time.monotonic()
    with pytest.raises(ValueError, match="it (nests|holds|makes|imports) ") as caught:
        open_file(path)
    assert str(caught.value).isprintable()
    assert time.monotonic() - began < 5


class Changed:
    """Pickles as an object with another state."""

    def __init__(self, value, state):
        self.value, self.state = value, state

    def __reduce__(self):
        return (*self.value.__reduce__()[:2], self.state)


def tree_state(**changes):
    state = DecisionTreeClassifier(max_depth=2).fit(X, Y).tree_.__getstate__()
    for field, (node, value) in changes.items():
        state["nodes"][field][node] = value
    return state


def kd_state(place, change):
    state = list(KDTree(X, leaf_size=10).__reduce__()[2])
    state[place] = change(state[place])
    return tuple(state)


def tree():
    return DecisionTreeClassifier(max_depth=2).fit(X, Y).tree_


def predictor(**changes):
    made = HistGradientBoostingClassifier(max_iter=1).fit(X, Y)._predictors[0][0]
    for field, (node, value) in changes.items():
        made.nodes[field][node] = value
    return made


def matrix(**changes):
    made = sparse.csr_matrix(np.eye(3))
    vars(made).update(changes)
    return made


OBJECTS = np.array(["a", 1, None], dtype=object)
OUTSIDE = {
    "a tree in a circle": lambda: Changed(tree(), tree_state(left_child=(0, 0))),
    "a child that is not there": lambda: Changed(tree(), tree_state(right_child=(0, 10**6))),
    "a feature that is not there": lambda: Changed(tree(), tree_state(feature=(0, 99))),
    "more nodes than there are": lambda: Changed(tree(), tree_state() | {"node_count": 10**6}),
    "boosting in a circle": lambda: predictor(left=(0, 0)),
    "neighbours that are not there": lambda: Changed(KDTree(X), kd_state(1, lambda order: order + 10**6)),
    "a heap without leaves": lambda: Changed(KDTree(X), kd_state(2, np.zeros_like)),
    "a short state": lambda: Changed(KDTree(X), (None,)),
    "columns that are not there": lambda: matrix(indices=np.array([0, 1, 10**6], dtype=np.int32)),
    "rows that run backwards": lambda: matrix(indptr=np.array([0, 3, 2, 3], dtype=np.int32)),
    "objects that look like bytes": lambda: Changed(np.dtype("O"), (3, "|", None, None, None, -1, -1, 0)),
    "elements of another size": lambda: Changed(np.dtype("f8"), (3, "<", None, None, None, 4096, -1, 0)),
    "fewer objects than the shape": lambda: Changed(OBJECTS, (1, (1000,), np.dtype("O"), False, ["a"])),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_states_that_lead_compiled_code_outside_are_refused(what):
    with pytest.raises(pickles.Refused, match="whose numbers lead out of it"):
        pickles.load(io.BytesIO(pickle.dumps(OUTSIDE[what]())))


def test_a_dtype_of_numpy_itself_is_not_changed():
    """Without a copy, `numpy.dtype("f8")` is the one that all arrays of the process have."""
    data = dumps(Call(Name("numpy:dtype"), ("f8", False, False), (3, "<", None, None, None, -1, -1, 0)))
    with pytest.raises(pickles.Refused, match="whose numbers lead out of it"):
        pickles.load(io.BytesIO(data))


ARRAYS = {
    "objects": OBJECTS,
    "records": np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "aligned": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "nested": np.zeros(2, np.dtype([("a", "f8", (2, 3)), ("o", "O")])),
    "moments": np.array(["2020-01-01"], "M8[ns]"),
    "texts": np.array(["abc"]),
    "big endian": np.arange(3, dtype=">f8"),
    "masked": np.ma.array([1, "a"], mask=[0, 1], dtype=object),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_of_every_kind_are_still_opened(what):
    for protocol in (0, 2, 5):
        opened = pickles.load(io.BytesIO(pickle.dumps(ARRAYS[what], protocol)))
        assert str(opened.tolist()) == str(ARRAYS[what].tolist())
    file = io.BytesIO()
    joblib.dump(ARRAYS[what], file)
    file.seek(0)
    assert str(pickles.load(file).tolist()) == str(ARRAYS[what].tolist())


def graph(*nodes, initializers=(), functions=()):
    inputs = [helper.make_tensor_value_info("X", TensorProto.DOUBLE, [None, 4])]
    made = helper.make_graph(nodes, "g", inputs, [helper.make_empty_tensor_value_info("predict")], initializers)
    return helper.make_model(made, functions=functions).SerializeToString()


def sparse_elsewhere():
    places = helper.make_tensor("places", TensorProto.INT64, [1], [0])
    return helper.make_sparse_tensor(elsewhere(), places, [4])


def with_sparse(made):
    made.sparse_initializer.append(sparse_elsewhere())
    return made


def elsewhere():
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


ADD = helper.make_node("Add", ["X", "X"], ["predict"])
LOOP = helper.make_node("Loop", ["", ""], ["predict"], body=helper.make_graph([ADD], "body", [], []))
BRANCH = helper.make_node("If", ["X"], ["predict"], then_branch=helper.make_graph([LOOP], "branch", [], []))
FUNCTION = helper.make_function("my.own", "Again", ["a"], ["b"], [ADD], [helper.make_opsetid("", 21)])
GRAPHS = {
    "a loop": graph(LOOP),
    "a loop in a branch": graph(BRANCH),
    "another file": graph(ADD, initializers=[elsewhere()]),
    "another file in an attribute": graph(helper.make_node("Identity", ["X"], ["predict"], value=elsewhere())),
    "another file in a sparse attribute": graph(
        helper.make_node("Constant", [], ["predict"], sparse_value=sparse_elsewhere())
    ),
    "another file in a sparse tensor of a branch": graph(
        helper.make_node("If", ["X"], ["predict"], then_branch=with_sparse(helper.make_graph([ADD], "branch", [], [])))
    ),
    "a function": graph(ADD, functions=[FUNCTION]),
    "a graph that breaks off": graph(ADD)[:-3],
}


@pytest.mark.parametrize("what", GRAPHS)
def test_graphs_that_no_model_needs_are_refused_before_a_session_is_made(what):
    for check in (check_table, lambda made: check_decoder(made, {"model.onnx.data"})):
        with pytest.raises(ValueError, match="^the graph "):
            check(GRAPHS[what])


def test_an_array_made_of_a_shape_is_no_part_of_a_table():
    with pytest.raises(ValueError, match="the operator 'ConstantOfShape', which no table needs"):
        check_table(graph(helper.make_node("ConstantOfShape", ["X"], ["predict"])))
    check_table(graph(ADD))

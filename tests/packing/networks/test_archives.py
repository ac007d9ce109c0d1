"""A .pt2 of a stranger: whatever torch would run, evaluate or look up of it is refused, with what it is."""

import io
import json
import pickle
import zipfile

import pytest
import torch

from service.packing.networks.archive import read_program
from service.packing.networks.expressions import check_expression
from service.packing.networks.operators import check_operator
from service.packing.torch_programs import is_program

MODEL, SAMPLE = "models/model.json", "data/sample_inputs/model.pt"
CONSTANTS = "data/constants/model_constants_config.json"


class Scaled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.register_buffer("scale", torch.tensor([2.0, 3.0]))

    def forward(self, x):
        with torch.no_grad():
            return {"scaled": self.linear(x) * self.scale, "sum": x.sum(1) + x.shape[0]}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.pt2"
    rows = torch.export.Dim("rows", min=1, max=64)
    torch.export.save(torch.export.export(Scaled().eval(), (torch.rand(2, 3),), dynamic_shapes=({0: rows},)), path)
    return path


def changed(saved, folder, change):
    """A copy of the archive, whose members {name: bytes} `change` has changed."""
    with zipfile.ZipFile(saved) as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(members)
    path = folder / "changed.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"model/{name}", content)
    return path


def in_model(edit):
    """A change of the graph's JSON."""

    def change(members):
        value = json.loads(members[MODEL])
        edit(value)
        members[MODEL] = json.dumps(value).encode()

    return change


def test_what_torch_has_saved_is_read(saved):
    assert is_program(saved)
    program = read_program(saved)
    rows = torch.rand(5, 3)
    found = program.module()(rows)
    assert torch.equal(found["sum"], rows.sum(1) + 5)
    assert len(program.example_inputs[0][0]) == 2
    assert "def forward" not in str(next(iter(program.graph.nodes)).meta.get("stack_trace"))


class Attack:
    """A pickle that writes a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def node(value):
    return value["graph_module"]["graph"]["nodes"][0]


def test_no_pickle_of_the_file_is_opened(saved, tmp_path):
    hit = tmp_path / "hit"

    def in_sample(members):
        file = io.BytesIO()
        torch.save(((Attack(hit),), {}), file)
        members[SAMPLE] = file.getvalue()

    def in_constants(members):
        members[CONSTANTS] = json.dumps({"config": {"c": {"path_name": "opaque_obj_0", "use_pickle": True}}}).encode()
        members["data/constants/opaque_obj_0"] = pickle.dumps(Attack(hit))

    def plain(members):
        members[SAMPLE] = pickle.dumps(Attack(hit))

    for change, told in (
        (in_sample, "data/sample_inputs/model.pt in it holds more than tensors"),
        (plain, "data/sample_inputs/model.pt in it holds more than tensors"),
        (in_constants, "which is no part of one program|an object that is no tensor"),
    ):
        with pytest.raises(ValueError, match=told):
            read_program(changed(saved, tmp_path, change))
    assert not hit.exists()


def graph(value):
    return value["graph_module"]


def spec_of(kind, context):
    return json.dumps([1, {"type": kind, "context": context, "children_spec": []}])


# What is edited -> (how, what is told).
EDITS = {
    "target": (lambda value: node(value).update(target="torch.hub.load"), r"it calls 'torch\.hub\.load'"),
    "file": (lambda value: node(value).update(target="torch.ops.aten.from_file.default"), "it calls 'torch.ops.aten.f"),
    "operator": (
        lambda value: node(value)["inputs"].append({"name": "f", "arg": {"as_operator": "torch.load"}}),
        "it calls 'torch.load'",
    ),
    "object": (
        lambda value: node(value)["inputs"].append({"name": "f", "arg": {"as_custom_obj": {"name": "a"}}}),
        "an object that is no tensor",
    ),
    "argument": (lambda value: node(value)["inputs"][0].update(name="x=print(1)"), r"'x=print\(1\)' in it is no name"),
    "input": (
        lambda value: graph(value)["graph"]["inputs"][-1]["as_tensor"].update(name="x): import os #"),
        r"'x\): import os #' in it is no name",
    ),
    "parameter": (
        lambda value: graph(value)["signature"]["input_specs"][0]["parameter"].update(parameter_name='x"), print("'),
        "in it is no name",
    ),
    "container": (
        lambda value: graph(value)["module_call_graph"][0]["signature"].update(
            in_spec=spec_of("collections.defaultdict", "{}")
        ),
        "its inputs or outputs are held by 'collections.defaultdict'",
    ),
    "enumeration": (
        lambda value: graph(value)["module_call_graph"][0]["signature"].update(
            out_spec=spec_of("builtins.dict", '[{"__enum__": true}]')
        ),
        "in dicts with other keys",
    ),
    "key": (
        lambda value: graph(value)["module_call_graph"][0]["signature"].update(
            in_spec=spec_of("builtins.dict", '["a): print(1) #"]')
        ),
        "in it is no name",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_what_torch_would_look_up_or_write_as_python_is_refused(saved, tmp_path, what):
    edit, told = EDITS[what]
    with pytest.raises(ValueError, match=told):
        read_program(changed(saved, tmp_path, in_model(edit)))


def test_guards_which_are_python_are_left_out(saved, tmp_path):
    hit = tmp_path / "hit"
    code = f"open({str(hit)!r}, 'w')"
    program = read_program(changed(saved, tmp_path, in_model(lambda value: value.update(guards_code=[code]))))
    program.module()(torch.rand(2, 3))
    assert not hit.exists()


def test_other_members_and_damage_are_refused(saved, tmp_path):
    def library(members):
        members["data/aotinductor/model/lib.so"] = b"\x7fELF"

    def torn(members):
        members[MODEL] = members[MODEL][:100]

    def older(members):
        del members[MODEL]
        members["serialized_exported_program.json"] = b"{}"

    for change, told in (
        (library, "it holds 'data/aotinductor/model/lib.so', which is no part of one program"),
        (torn, "was not opened|cannot be opened"),
        (older, "as an older torch writes it: export it again with torch"),
    ):
        with pytest.raises(ValueError, match=told):
            read_program(changed(saved, tmp_path, change))
    with (
        zipfile.ZipFile(tmp_path / "packed.pt2", "w", zipfile.ZIP_DEFLATED) as archive,
        zipfile.ZipFile(saved) as whole,
    ):
        for name in whole.namelist():
            archive.writestr(name, whole.read(name))
    with pytest.raises(ValueError, match="in it is compressed"):
        read_program(tmp_path / "packed.pt2")


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s40', positive=True, integer=True)",
        "Mul(Integer(2), Symbol('s0', positive=True, integer=True))",
        "FloorDiv(Add(Symbol('s1', integer=True), Integer(-1)), Integer(2))",
        "Pow(Symbol('s0', integer=True), Integer(2))",
        "2*s0 + 1",
        "int_oo",
    ],
)
def test_sizes_that_torch_writes_are_read(text):
    check_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "open('x')",
        "Symbol('s0').name",
        "(lambda: 1)()",
        "[s0 for s0 in (1,)]",
        "Symbol('__import__')",
        "Pow(Integer(9), Integer(99999999))",
        "Pow(Symbol('s0'), Integer(99999999))",
        "9**9**9",
        "1e999",
        "Symbol('s0', cls=1)",
        "s0; s1",
        "Max(" * 5000,
        "",
    ],
)
def test_other_expressions_are_refused(text):
    with pytest.raises(ValueError, match="which is no arithmetic of sizes"):
        check_expression(text)


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("torch.ops.aten.linear.default", True),
        ("_operator.mul", True),
        ("torch.ops.higher_order.wrap_with_set_grad_enabled", True),
        ("torch.ops.aten.save", False),
        ("torch.ops.load_library", False),
        ("torch.ops.aten.__class__.default.x", False),
        ("os.system", False),
        ("#extension:name", False),
        ("torch.ops.mine.op.default", False),
    ],
)
def test_operators_of_tensors_alone_are_called(name, taken):
    if taken:
        check_operator(name)
        return
    with pytest.raises(ValueError, match="no operator of tensors"):
        check_operator(name)

"""Networks of torch are packed where their graph gives torch's numbers; what cannot be is told why."""

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from service.capabilities import TensorCall
from service.cli import main
from service.models import load
from service.packing import pack
from service.packing.networks import proof
from service.packing.networks.program import Program
from service.settings import Settings
from service.store.contract_changes import breaking
from service.store.versions import Store

WRONG = "differs by"


def run(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


class Small(torch.nn.Module):
    """Two inputs and two outputs; one of the inputs looks rows of a table up."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.table = torch.nn.Embedding(5, 8)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, image, ids):
        seen = self.conv(image).relu().flatten(1)
        return {"logits": self.drop(seen) + self.table(ids), "best": seen.argmax(1)}


def given(rows):
    generator = torch.Generator().manual_seed(rows)
    return torch.randn(rows, 1, 4, 4, generator=generator), torch.arange(rows) % 5


def test_a_file_of_torch_export_by_the_command_line(tmp_path):
    network = Small().eval()
    rows = torch.export.Dim("rows", min=1, max=100)
    program = torch.export.export(network, given(3), dynamic_shapes={"image": {0: rows}, "ids": {0: rows}})
    torch.export.save(program, tmp_path / "small.pt2")
    told = run("pack", tmp_path / "small.pt2", "--store", tmp_path / "store")
    assert told.exit_code == 0, told.output
    assert "packed small version 1 (network)" in told.output
    assert "input image: float32 [batch, 1, 4, 4]" in told.output
    assert "output best: int64 [batch]" in told.output
    assert "onnx: equal to torch on 4 inputs of 1, 2, 3, 7 rows" in told.output
    assert "it would be packed as a network" in run("doctor", tmp_path / "small.pt2").output
    assert run("verify", "--store", tmp_path / "store").exit_code == 0

    version = Store(tmp_path / "store").open("small")
    model = load(version, Settings())
    model.warm_up()
    image, ids = given(7)
    found = model.run(TensorCall({"image": image.numpy(), "ids": ids.numpy()})).outputs
    with torch.no_grad():
        wanted = network(image, ids)
    assert np.allclose(found["logits"], wanted["logits"].numpy(), atol=1e-5)
    assert found["best"].tolist() == wanted["best"].tolist()
    spec = version.manifest.spec
    assert spec["sizes"] == {"batch": [1, 100]}
    assert spec["inputs"]["ids"]["minimum"] == 0, "torch refuses negative places, where the graph counts from the end"
    assert spec["payload"] == "small.pt2"
    assert spec["runtime"]["tolerance"] == proof.TOLERANCE
    refused = run("pack", tmp_path / "small.pt2", "--store", tmp_path / "store", "--target", "y", "--no-sandbox")
    assert "of which --target says nothing" in refused.output


def test_a_module_in_a_notebook_and_its_next_version(tmp_path):
    network = torch.nn.Linear(3, 2)
    network.train()
    first = pack(network, torch.rand(1, 3), name="line", store=tmp_path)
    assert network.training, "packing leaves the module as it was"
    spec = first.manifest.spec
    assert spec["inputs"] == {"input": {"dtype": "float32", "shape": ["batch", 3]}}
    assert spec["outputs"] == {"output": {"dtype": "float32", "shape": ["batch", 2]}}
    assert spec["sizes"] == {"batch": [1, None]}
    assert "payload" not in spec
    assert list(first.manifest.example) == ["inputs", "outputs"]
    program = torch.export.export(torch.nn.Linear(3, 2), (torch.rand(4, 3),))
    second = pack(program, name="line", store=tmp_path)
    assert "takes no others" in second.manifest.spec["notes"][0]
    changes = breaking(first.manifest, second.manifest)
    assert changes[0] == "input input: its shape is [4, 3] now, and was ['batch', 3]"


class Steps(torch.nn.Module):
    def forward(self, x):
        return x.sum() if x.sum() > 0 else x


class Normal(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(3)

    def forward(self, x):
        return self.norm(x)


def test_what_cannot_be_served_is_told(tmp_path):
    with pytest.raises(ValueError, match="Steps cannot be exported"):
        pack(Steps(), torch.rand(2, 3), name="x", store=tmp_path)
    with pytest.raises(ValueError, match="give example inputs: a tensor, a tuple of tensors"):
        pack(torch.nn.Linear(3, 2), None, name="x", store=tmp_path)
    with pytest.raises(ValueError, match=r"exported as it learns \(aten\.batch_norm\.default\): call \.eval\(\)"):
        pack(torch.export.export(Normal().train(), (torch.rand(2, 3),)), name="x", store=tmp_path)
    with pytest.raises(ValueError, match="is of bfloat16; served are bool"):
        pack(torch.nn.Linear(3, 2).bfloat16(), torch.rand(2, 3).bfloat16(), name="x", store=tmp_path)
    assert not (tmp_path / "x").exists()


class Scaled(torch.nn.Module):
    def forward(self, x, scale, others):
        return x * scale, x @ others.T


def test_first_dimensions_that_differ_vary_alone_and_may_be_one(tmp_path):
    """Where inputs had first dimensions of different sizes, or none, a request of one row was refused."""
    inputs = (torch.randn(2, 3), torch.tensor(2.0), torch.randn(5, 3))
    version = pack(Scaled(), inputs, name="scaled", store=tmp_path)
    spec = version.manifest.spec
    assert [each["shape"] for each in spec["inputs"].values()] == [["size_1", 3], [], ["size_2", 3]]
    assert spec["sizes"] == {"size_1": [1, None], "size_2": [1, None]}
    found = load(version, Settings()).run(
        TensorCall({"x": [[1, 2, 3]], "scale": 3, "others": np.ones((4, 3), np.float32)})
    )
    assert found.outputs["output_0"].tolist() == [[3, 6, 9]]
    assert found.outputs["output_1"].tolist() == [[6, 6, 6, 6]]


def test_a_graph_that_is_not_torchs_is_refused(tmp_path, monkeypatch):
    """The proof compares with torch itself: a program that computes another number is not served."""
    right = Program.run

    def wrong(program, feeds):
        return {name: array * np.float32(1.001) for name, array in right(program, feeds).items()}

    monkeypatch.setattr(Program, "run", wrong)
    told = f"the graph's output 'output' is not that of torch for input .*{WRONG} 1.0e-03"
    with pytest.raises(ValueError, match=told):
        pack(torch.nn.Linear(3, 2), torch.rand(2, 3), name="x", store=tmp_path)


def test_a_network_over_the_columns_of_a_sample_is_a_table(tmp_path):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).eval()
    frame = pd.DataFrame({"age": [31.0, 44.5, 28.0], "pay": [1.0, 2.0, 0.5]})
    version = pack(network, frame, name="pay", store=tmp_path)
    assert version.manifest.kind == "tabular"
    assert [column["name"] for column in version.manifest.spec["columns"]] == ["age", "pay"]
    model = load(version, Settings())
    model.warm_up()
    with torch.no_grad():
        wanted = network(torch.tensor(frame.to_numpy(np.float32))).flatten().tolist()
    assert model.predict(frame.to_dict("records")).predictions == pytest.approx(wanted, rel=1e-5)

    rows = torch.export.Dim("rows")
    program = torch.export.export(network, (torch.rand(2, 2),), dynamic_shapes=({0: rows},))
    torch.export.save(program, tmp_path / "pay.pt2")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    command = ("pack", tmp_path / "pay.pt2", "--data", tmp_path / "rows.csv", "--store", tmp_path / "other")
    told = run(*command)
    assert told.exit_code == 0, told.output
    assert "(tabular)" in told.output
    assert Store(tmp_path / "other").open("pay").manifest.spec["payload"] == "pay.pt2"
    small = torch.export.export(Small().eval(), given(2))
    with pytest.raises(ValueError, match=r"it takes image \[.*pack it without a sample"):
        pack(small, frame, name="x", store=tmp_path)
    frame["city"] = "Rome"
    with pytest.raises(ValueError, match="a network takes numbers, and the sample holds others"):
        pack(network, frame, name="x", store=tmp_path)


class Sequence(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.cell = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = torch.nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.cell(x)), x.mean((1, 2))


@pytest.mark.heavy
def test_dimensions_besides_the_rows_may_vary(tmp_path):
    rows, length = torch.export.Dim("rows"), torch.export.Dim("length", min=2, max=64)
    network = Sequence().eval()
    program = torch.export.export(network, (torch.randn(2, 5, 8),), dynamic_shapes=({0: rows, 1: length},))
    version = pack(program, name="sequence", store=tmp_path)
    assert version.manifest.spec["inputs"]["x"]["shape"] == ["batch", "size_1", 8]
    model = load(version, Settings())
    x = torch.randn(3, 11, 8)
    found = model.run(TensorCall(x.numpy())).outputs
    with torch.no_grad():
        wanted = network(x)
    for name, tensor in zip(("output_0", "output_1"), wanted, strict=True):
        assert np.allclose(found[name], tensor.numpy(), atol=1e-5)

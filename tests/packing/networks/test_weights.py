"""A state dict with the Python file of its class is a network; a server runs its graph, and not the file."""

import textwrap

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from service.capabilities import TensorCall
from service.cli import main
from service.models import load
from service.packing.networks.weights import pack_weights
from service.settings import Settings
from service.store.versions import Store

CODE = """
    import torch

    class Block(torch.nn.Module):
        def __init__(self, width):
            super().__init__()
            self.line = torch.nn.Linear(width, width)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block(3)

        def forward(self, x):
            return torch.tanh(self.block.line(x))

    def example_inputs():
        return torch.rand(2, 3)
"""


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "mynet.py"
    path.write_text(textwrap.dedent(CODE))
    return path


def state():
    torch.manual_seed(3)
    line = torch.nn.Linear(3, 3)
    return {f"block.line.{name}": tensor.detach() for name, tensor in line.named_parameters()}


def test_weights_are_packed_with_their_class(tmp_path, code):
    save_file(state(), tmp_path / "net.safetensors")
    store = tmp_path / "store"
    told = CliRunner().invoke(
        main, ["pack", str(tmp_path / "net.safetensors"), "--code", str(code), "--store", str(store)]
    )
    assert told.exit_code == 0, told.output
    assert "packed net version 1 (network)" in told.output
    code.unlink()
    model = load(Store(store).open("net"), Settings())
    model.warm_up()
    rows = torch.rand(4, 3)
    weights = state()
    wanted = torch.tanh(rows @ weights["block.line.weight"].T + weights["block.line.bias"])
    (found,) = model.run(TensorCall(rows.numpy())).outputs.values()
    assert found == pytest.approx(wanted.numpy(), abs=1e-6)


def test_what_is_missing_is_told(tmp_path, code):
    torch.save(state(), tmp_path / "net.pt")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(
        ValueError, match=r"no torch.nn.Module of mynet.py, made without .* Block: .*Net: .*Missing key"
    ):
        pack_weights(tmp_path / "other.pt", [code], name="x", store=tmp_path)
    code.write_text(code.read_text().replace("example_inputs", "examples"))
    with pytest.raises(ValueError, match=r"mynet.py has no example_inputs, which Net is exported with"):
        pack_weights(tmp_path / "net.pt", [code], name="x", store=tmp_path)
    code.write_text("1 / 0")
    with pytest.raises(ValueError, match=r"its code fails: ZeroDivisionError"):
        pack_weights(tmp_path / "net.pt", [code], name="x", store=tmp_path)
    assert not (tmp_path / "x").exists()

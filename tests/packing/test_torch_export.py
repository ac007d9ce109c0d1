"""Graphs of torch's exporter: right, and with weights that ONNX Runtime uses as they lie in the file."""

import logging
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from service.packing.torch_export import export


class Twice(torch.nn.Module):
    """One weight is used turned and as it is, as tied embeddings are."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(700, 600)
        self.linear = torch.nn.Linear(600, 600)

    def forward(self, ids):
        return self.linear(self.embedding(ids)) @ self.embedding.weight.T


def test_weights_lie_in_the_file_as_they_are_used(tmp_path):
    """Larger ones than the exporter folds by itself were transposed at each load, into memory of the process's own."""
    module, path = Twice().eval(), tmp_path / "model.onnx"
    sizes = {0: "rows", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(module, (torch.zeros(2, 3, dtype=torch.int64),), path, inputs=["ids"], outputs=["out"], dynamic=(sizes,))
    assert logging.root.manager.disable == logging.NOTSET
    graph = onnx.load(path, load_external_data=False).graph
    weights = {each.name for each in graph.initializer}
    assert not [node.name for node in graph.node if node.op_type == "Transpose" and node.input[0] in weights]
    session = onnxruntime.InferenceSession(str(path))
    for shape in ((1, 1), (4, 7)):
        ids = torch.randint(0, 700, shape)
        (out,) = session.run(None, {"ids": ids.numpy()})
        with torch.no_grad():
            assert out == pytest.approx(module(ids).numpy(), abs=1e-4)
        assert out.dtype == np.float32

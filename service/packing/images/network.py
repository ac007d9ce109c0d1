"""The network of a checkpoint for image classification as a torch module that is compiled: pixels to logits.

module = Logits(read_network(folder))
write_graph(module, folder / "model.onnx", height=224, width=224)
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageClassification

from ...models.checkpoints import misfit, read_pretrained
from ...models.images.classifier import GRAPH_INPUT
from ..text_facts import check_finite
from ..torch_export import export

__all__ = ["Logits", "read_network", "write_graph"]


class Logits(torch.nn.Module):
    """network: of transformers."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """float32 [images, 3, height, width] -> float32 [images, labels]."""
        return self.network(pixel_values=pixel_values).logits


def read_network(folder: Path) -> Any:
    """The network in float32. Raises ValueError where its weights do not fit or it reads something else than images of
    three channels, and what transformers raises.
    """
    network, faults = read_pretrained(AutoModelForImageClassification, folder)
    if faults:
        raise ValueError(misfit(faults))
    if GRAPH_INPUT not in inspect.signature(network.forward).parameters:
        raise ValueError(f"{type(network).__name__} takes no {GRAPH_INPUT}")
    if (channels := getattr(network.config, "num_channels", 3)) != 3:
        raise ValueError(f"{type(network).__name__} reads images of {channels} channels; served are three")
    check_finite(network)
    return network.requires_grad_(False).eval()


def write_graph(module: Logits, path: Path, height: int, width: int) -> None:
    """Raises what torch's exporter raises."""
    export(
        module.eval(),
        (torch.zeros(2, 3, height, width),),
        path,
        inputs=[GRAPH_INPUT],
        outputs=["logits"],
        dynamic=({0: "images"},),
    )

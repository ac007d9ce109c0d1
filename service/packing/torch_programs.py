"""Programs that torch has written to a file, told by the names in its archive: nothing in it is read.

program_sentence(Path("model.pt2"))     # what it is, and the two lines that make an ONNX file of it
program_sentence(Path("weights.pt"))    # None: weights, or no archive
"""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["program_sentence"]

# Each was tried on a network of one table: what it writes is packed, and proven.
SCRIPT = (
    "torch.onnx.export(torch.jit.load({file!r}), (rows,), 'model.onnx', dynamo=False, input_names=['X'], "
    "dynamic_axes={{'X': {{0: 'rows'}}}}), where rows is a tensor of some"
)
EXPORTED = (
    "torch.onnx.export(torch.export.load({file!r}), (), 'model.onnx'), which takes any number of rows where it was "
    "exported with dynamic_shapes=({{0: torch.export.Dim('rows')}},)"
)
WAY = "as an ONNX file it is served: {lines}; then daylight pack model.onnx --data sample.csv"


def program_sentence(path: Path) -> str | None:
    """What kind of program a file is, and how to make what can be packed of it; None where it is none."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] or name for name in archive.namelist()}
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return f"TorchScript; {WAY.format(lines=SCRIPT.format(file=path.name))}"
    if {"archive_format", "models/model.json"} <= names or "serialized_exported_program.json" in names:
        return f"a program of torch.export; {WAY.format(lines=EXPORTED.format(file=path.name))}"
    return None

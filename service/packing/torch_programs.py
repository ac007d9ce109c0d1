"""Programs that torch has written to a file, told by the names in its archive: nothing in it is read.

script_sentence(Path("traced.pt"))       # what it is, and the two lines that make an ONNX file of it
is_program(Path("model.pt2"))           # True: torch.export.save has written it, and it is packed as it is
script_sentence(Path("weights.pt"))      # None: weights, or no archive
"""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["is_program", "script_sentence"]

# It was tried on a network of one table: what it writes is packed, and proven.
SCRIPT = (
    "torch.onnx.export(torch.jit.load({file!r}), (rows,), 'model.onnx', dynamo=False, input_names=['X'], "
    "dynamic_axes={{'X': {{0: 'rows'}}}}), where rows is a tensor of some"
)
WAY = "as an ONNX file it is served: {lines}; then daylight pack model.onnx --data sample.csv"


def script_sentence(path: Path) -> str | None:
    """What TorchScript is, and how to make what can be packed of it; None where a file is none."""
    names = names_in(path)
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return f"TorchScript; {WAY.format(lines=SCRIPT.format(file=path.name))}"
    return None


def is_program(path: Path) -> bool:
    """Whether torch.export.save has written a file, in an older torch's form, too: that is refused when it is read."""
    names = names_in(path)
    return {"archive_format", "models/model.json"} <= names or "serialized_exported_program.json" in names


def names_in(path: Path) -> set[str]:
    """The names in an archive, without the folder that all of them are in; none of any other file."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.partition("/")[2] or name for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return set()

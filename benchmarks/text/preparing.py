"""The same checkpoint in every form that somebody serves, made once and kept beside the environments.

places = forms("artifacts", "smollm2", {"int4"}, llama=True)
places["checkpoint"], places["store_int4"], places["gguf_int4"], places["llama_server"]
"""

import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.text.environments import ENVIRONMENTS, program, programs, run, source, tell
from service.packing.checkpoint import pack_checkpoint
from service.store.versions import Store

__all__ = ["forms"]

GGUF = {"int8": "Q8_0", "int4": "Q4_0"}


def forms(store, name, precisions, *, llama):
    """{place: path} for the `places` of rivals, of the current version of the text model `name`.

    precisions: those that are served by Daylight, and by llama.cpp where `llama` is true. Raises CannotServe.
    """
    version = Store(store).open(name)
    weights = version.manifest.files[version.manifest.spec["weights"]]["sha256"]
    kept = ENVIRONMENTS / "forms" / weights[:16]
    kept.mkdir(parents=True, exist_ok=True)
    checkpoint = version.folder.resolve()
    places = {"name": name, "checkpoint": checkpoint, "llama_server": program("llama-server")}
    for precision in precisions:
        as_it_is = version.manifest.spec["runtime"].get("precision") == precision
        places[f"store_{precision}"] = Path(store).resolve() if as_it_is else packed(kept, checkpoint, name, precision)
        if llama:
            places[f"gguf_{precision}"] = gguf(kept, checkpoint, precision)
    return {key: str(path) for key, path in places.items()}


def packed(kept, checkpoint, name, precision):
    """A store of our own with the checkpoint in it, compiled with weights of this precision."""
    folder = kept / f"store-{precision}"
    if not folder.exists():
        tell(f"packing {name} as {precision}")
        with tempfile.TemporaryDirectory(dir=kept) as draft:
            pack_checkpoint(checkpoint, name=name, store=draft, precision=precision)
            shutil.copytree(draft, f"{folder}.draft", dirs_exist_ok=True)
        os.rename(f"{folder}.draft", folder)
    return folder


def gguf(kept, checkpoint, precision):
    """llama.cpp's own format, by its own converter and its own quantiser."""
    path = kept / f"{precision}.gguf"
    if not path.exists():
        tell(f"converting to {path.name}")
        draft = Path(f"{path}.draft")
        if precision in GGUF:
            run(str(program("llama-quantize")), str(gguf(kept, checkpoint, "float32")), str(draft), GGUF[precision])
        else:
            python = str(programs("gguf") / "python")
            converter = str(source("convert_hf_to_gguf.py"))
            run(python, converter, "--outtype", "f32", "--outfile", str(draft), str(checkpoint))
        draft.rename(path)
    return path

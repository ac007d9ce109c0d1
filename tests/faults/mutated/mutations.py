"""From a kind and a seed to a damaged file.

name, data = mutated("pickle", 17, folder)      # folder: the originals of that kind
"""

import bz2
import gzip
import lzma
import random
import zlib
from pathlib import Path

from . import opcodes
from .damage import archive, damaged, structured

__all__ = ["meant", "mutated"]

COMPRESSED = {b"\x78": (zlib.decompress, zlib.compress), b"\x1f": (gzip.decompress, gzip.compress)}
COMPRESSED |= {b"B": (bz2.decompress, bz2.compress), b"\xfd": (lzma.decompress, lzma.compress)}
BOMB = 2**26  # bytes of zeros, which become some hundred kilobytes


def mutated(kind, seed, folder):
    """(the path of an original, relative to `folder`; the bytes that take its place)."""
    rng = random.Random(f"{kind} {seed}")
    names = sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())
    name = rng.choice([name for name in names if meant(kind, name)])
    return name, CHANGES.get(kind, damaged_table)(rng, name, (Path(folder) / name).read_bytes())


def meant(kind, name):
    """Whether a file of the originals is one to damage."""
    if kind == "onnx":
        return name.endswith("model.onnx")
    if kind in ("checkpoint", "state_dict", "stored_texts", "stored_graphs"):
        return not name.endswith(("manifest.json", "current", ".proven")) and "history" not in name
    return True


def damaged_table(rng, name, data):
    return damaged(rng, data)


def joblib_file(rng, name, data):
    """The pickle inside, compressed again; or the compressed bytes."""
    unpack, pack = COMPRESSED.get(data[:1], (bytes, bytes))
    way = rng.random()
    if way < 0.25:
        return damaged(rng, data)
    if way < 0.3 and pack is not bytes:
        return pack(b"\x80\x04\x8e" + (BOMB - 64).to_bytes(8, "little") + bytes(BOMB))
    return pack(opcodes.mutated(rng, unpack(data)))


def skops_file(rng, name, data):
    def member(inner, content):
        return structured(rng, content, NAMES) if inner.endswith(".json") else damaged(rng, content)

    return archive(rng, data, member)


NAMES = tuple(word for name in opcodes.DANGEROUS for word in (name.rpartition(".")[0], name.rpartition(".")[2]))


def checkpoint_file(rng, name, data):
    """A file of a checkpoint: JSON, weights by name, a torch archive, a template or a graph."""
    if name.endswith(".json"):
        return structured(rng, data, WORDS)
    if name.endswith(".safetensors") and rng.random() < 0.6:
        size = int.from_bytes(data[:8], "little")
        header = structured(rng, data[8 : 8 + size], ("F64", "I8", "BOOL", "F8_E4M3", "nothing", "lm_head.weight"))
        return len(header).to_bytes(8, "little") + header + data[8 + size :]
    if name.endswith(".pt"):
        return archive(
            rng, data, lambda inner, inside: (opcodes.mutated if inner.endswith(".pkl") else damaged)(rng, inside)
        )
    if name.endswith(".onnx"):
        return graph(rng, name, data)
    if name.endswith(".jinja"):
        return template(rng, data)
    return damaged(rng, data)


def graph(rng, name, data):
    from .graphs import mutated as mutated_graph  # imports onnx

    return mutated_graph(rng, data)


def torch_file(rng, data):
    def member(inner, content):
        return opcodes.mutated(rng, content) if inner.endswith(".pkl") else damaged(rng, content)

    return archive(rng, data, member)


WORDS = (
    *("gpt2", "BPE", "WordPiece", "Unigram", "WordLevel", "ByteLevel", "Metaspace", "Split", "Sequence", "Replace"),
    *(
        "Precompiled",
        "Strip",
        "ByteFallback",
        "(a+)+$",
        "(?=",
        "(" * 5000,
        "\ud800",
        "float64",
        "int4",
        "meta",
        "swish",
    ),
    *(
        "../../etc",
        "https://127.0.0.1/x",
        "LlamaForCausalLM",
        "MambaForCausalLM",
        "my--repo/code.Model",
        "yarn",
        "linear",
    ),
)
TEMPLATES = (
    b"{% for a in range(10**9) %}x{% endfor %}",
    b"{{ 'x' * 10**10 }}",
    b"{{ cycler.__init__.__globals__.os.popen('touch outside').read() }}",
    b"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    b"{% include '/etc/passwd' %}",
    b"{{ " + b"(" * 5000,
    b"{{ " + b"-" * 50_000 + b"1 }}",
    b"{% if a %}" * 3000,
    b"{{ 9**9**9**9 }}",
    b"{{ x" + b"|upper" * 20_000 + b" }}",
)


def template(rng, data):
    if rng.random() < 0.4:
        return rng.choice(TEMPLATES) + data
    return damaged(rng, data)


CHANGES = {
    "pickle": lambda rng, name, data: opcodes.mutated(rng, data),
    "joblib": joblib_file,
    "skops": skops_file,
    "onnx": graph,
    "checkpoint": checkpoint_file,
    "state_dict": checkpoint_file,
    "stored_texts": checkpoint_file,
    "stored_graphs": checkpoint_file,
}

"""Which extra of the package brings a library that is not installed here.

    check_libraries(version)    # StartupError: "tiny version 1 needs tokenizers, ...: pip install 'daylight[text]'"

A bare install serves compiled tables. What else Daylight does needs libraries that pyproject.toml lists as extras.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..errors import StartupError

if TYPE_CHECKING:
    from .manifest import Manifest
    from .versions import StoredVersion

__all__ = ["COMPILED", "EXTRAS", "check_libraries", "extra_of", "install"]

# The name a library is imported by -> the smallest extra that brings it.
EXTRAS = {
    "PIL": "images",
    "catboost": "trees",
    "cryptography": "signers",
    "joblib": "sklearn",
    "lightgbm": "trees",
    "llguidance": "text",
    "onnx": "pack",
    "onnx_ir": "checkpoints",
    "onnxruntime_genai": "checkpoints",
    "onnxscript": "checkpoints",
    "opentelemetry": "otel",
    "pandas": "sklearn",
    "pyarrow": "arrow",
    "ray": "ray",
    "redis": "redis",
    "s3fs": "stores",
    "safetensors": "checkpoints",
    "scipy": "sklearn",
    "sklearn": "sklearn",
    "skops": "sklearn",
    "tokenizers": "encoders",
    "torch": "checkpoints",
    "transformers": "checkpoints",
    "xgboost": "trees",
    "yaml": "pack",
}

SMALL = frozenset({"arrow", "encoders", "images", "pack", "sklearn", "text"})  # those that larger ones contain

# What serving needs beyond a bare install: kind -> (extra, libraries) where its graph runs, and where it has none.
COMPILED = {
    "fill_mask": ("encoders", ("tokenizers",)),
    "image_classification": ("images", ("PIL",)),
    "text_classification": ("encoders", ("tokenizers",)),
    "text_embedding": ("encoders", ("tokenizers",)),
    "text_generation": ("text", ("tokenizers", "llguidance")),
    "text_reranking": ("encoders", ("tokenizers",)),
    "token_classification": ("encoders", ("tokenizers",)),
    "zero_shot_classification": ("encoders", ("tokenizers",)),
}
NOT_COMPILED = {
    "tabular": ("sklearn", ("sklearn", "joblib", "pandas")),
    "text_generation": ("checkpoints", ("tokenizers", "llguidance", "torch", "transformers", "safetensors")),
}


def install(error: ImportError, extra: str = "") -> str:
    """What an import failed for, in a sentence, with the line that installs it where one of the extras does.

    extra: the one that the work at hand needs in the end; it is named in place of a smaller one.
    """
    library = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or library not in EXTRAS:
        return str(error)
    brings = EXTRAS[library]
    return f"{library} is not installed here: pip install 'daylight[{extra if extra and brings in SMALL else brings}]'"


def needs(manifest: Manifest) -> tuple[str, tuple[str, ...]]:
    """(extra, the libraries of it) that serving a version needs; ("", ()) where a bare install serves it."""
    return (COMPILED if manifest.compiled else COMPILED | NOT_COMPILED).get(manifest.kind, ("", ()))


def extra_of(manifest: Manifest) -> str:
    """The extra that serves a version; "" where a bare install does."""
    return needs(manifest)[0]


def check_libraries(version: StoredVersion) -> None:
    """Raise StartupError naming every library that serving this version needs and that is not installed here.

    Nothing is imported: gunicorn's master may ask.
    """
    extra, libraries = needs(version.manifest)
    absent = [library for library in libraries if find_spec(library) is None]
    if absent:
        raise StartupError(f"{version} needs {', '.join(absent)}, not installed here: pip install 'daylight[{extra}]'")

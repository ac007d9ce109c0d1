"""From a version of an encoder to its engine: the one of the engine process, or one of this process.

    engine = open_encoder(version, settings)        # for a model: encode(rows), proven, failure, stop()

Neither torch nor transformers is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...errors import StartupError, in_a_line
from ...generation.encoders.engine import EncoderEngine
from ...generation.encoders.work import MOST_ROWS
from ...generation.suspects import Suspects
from ..engine.client import EngineClient
from ..engine.remote import RemoteEncoder
from ..runtimes.graph_rules import check_decoder
from .tokens import Tokens

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.versions import StoredVersion

__all__ = ["load_encoder", "open_encoder"]


def open_encoder(version: StoredVersion, settings: Settings) -> tuple[Tokens, Any]:
    """(its tokens, its engine). Raises StartupError."""
    manifest = version.manifest
    try:
        if settings.engine_socket:
            client = EngineClient.at(settings.engine_socket)
            engine: Any = client.open(manifest.model, manifest.version, RemoteEncoder)
        else:
            version.verify()
            engine = load_encoder(version, settings)
        return Tokens.load(version), engine
    except StartupError:
        raise
    except Exception as error:  # the parsers of tokenizers and graphs raise all kinds of exceptions
        raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {in_a_line(error)}") from error


def load_encoder(
    version: StoredVersion, settings: Settings, suspects: Callable[[int], Suspects] = lambda rows: Suspects()
) -> EncoderEngine:
    """An EncoderEngine for a version whose files are verified. Raises whatever its files make parsers raise.

    suspects: makes the Suspects of an engine that works on so many texts at once.
    """
    from ...generation.encoders.runner import EncoderRunner  # ONNX Runtime: 8 MB, which a worker does not need for it

    spec = version.manifest.spec
    path = version.folder / spec["runtime"]["payload"]
    check_decoder(path.read_bytes(), version.manifest.files)
    runner = EncoderRunner(path, threads=settings.engine_threads, padding=spec["padding_id"], mask=spec.get("mask_id"))
    return EncoderEngine(runner, capacity=settings.max_waiting_tokens, suspects=suspects(MOST_ROWS))

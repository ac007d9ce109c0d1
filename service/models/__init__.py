"""The kinds of model: name -> where the class that serves it is.

A kind is one module here and one line below. Modules are imported only when a version of their kind is loaded: a
worker without text models never pays for torch, and gunicorn's master imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from ..errors import StartupError, UnknownKind
from ..store.missing_libraries import check_libraries, install
from ..store.signature import Keys

if TYPE_CHECKING:
    from ..capabilities import Capability
    from ..generation.suspects import Suspects
    from ..settings import Settings
    from ..store.versions import StoredVersion
    from .base import Model

__all__ = [
    "ENGINES",
    "KINDS",
    "QUICK",
    "capabilities_of",
    "check_kind",
    "check_stored",
    "load",
    "load_engine",
    "own_process",
    "slowness",
]

KINDS = {
    "fill_mask": f"{__name__}.encoders.mask_filler:MaskFiller",
    "image_classification": f"{__name__}.images.classifier:ImageClassifier",
    "network": f"{__name__}.networks.network:NetworkModel",
    "python": f"{__name__}.python_model:PythonModel",
    "tabular": f"{__name__}.tabular:TabularModel",
    "text_classification": f"{__name__}.encoders.classifier:TextClassifier",
    "text_embedding": f"{__name__}.encoders.embedder:TextEmbedder",
    "text_generation": f"{__name__}.text_generation:TextGenerationModel",
    "text_reranking": f"{__name__}.encoders.reranker:TextReranker",
    "token_classification": f"{__name__}.encoders.token_classifier:TokenClassifier",
    "zero_shot_classification": f"{__name__}.encoders.zero_shot:ZeroShotClassifier",
}
# Of the kinds that run in the engine process: what makes an engine of a version, and how that engine works.
ENGINES = {
    "fill_mask": (f"{__name__}.encoders.loading:load_encoder", "reads"),
    "text_classification": (f"{__name__}.encoders.loading:load_encoder", "reads"),
    "text_embedding": (f"{__name__}.encoders.loading:load_encoder", "reads"),
    "text_generation": (f"{__name__}.text_runner:load_engine", "writes"),
    "text_reranking": (f"{__name__}.encoders.loading:load_encoder", "reads"),
    "token_classification": (f"{__name__}.encoders.loading:load_encoder", "reads"),
    "zero_shot_classification": (f"{__name__}.encoders.loading:load_encoder", "reads"),
}
QUICK = 1000  # microseconds a call: a worker of one thread answers no other request meanwhile


def check_kind(version: StoredVersion) -> None:
    """Raises UnknownKind where no class here serves the version."""
    kind = version.manifest.kind
    if kind not in KINDS:
        raise UnknownKind(f"{version} is of kind {kind!r}; there are {', '.join(KINDS)}")


def check_stored(version: StoredVersion, settings: Settings) -> None:
    """Check what can be without loading the version: signature, kind, digests, its libraries. Raises StartupError."""
    from .runtimes.library_versions import check_needs

    Keys.of(settings).check(version.manifest)
    check_kind(version)
    check_libraries(version)
    version.verify()
    manifest = version.manifest
    if manifest.kind == "tabular" and manifest.spec.get("runtime", {}).get("name", "sklearn") == "sklearn":
        check_needs(manifest.provenance.get("needs", {}), allow=settings.allow_version_mismatch)


def capabilities_of(version: StoredVersion) -> Sequence[Capability]:
    """What a version can do, without loading it. Raises UnknownKind."""
    check_kind(version)
    found: type[Model] = resolve_name(KINDS[version.manifest.kind])
    return found.capabilities


def load(version: StoredVersion, settings: Settings) -> Model:
    """Load one version as its kind says, its signature checked first. Raises StartupError."""
    Keys.of(settings).check(version.manifest)
    check_kind(version)
    check_libraries(version)
    return resolve_name(KINDS[version.manifest.kind]).load(version, settings)


def own_process(version: StoredVersion) -> str | None:
    """Why a version runs in the engine process, for all workers, a sentence; None where each worker runs it."""
    if version.manifest.kind not in ENGINES:
        return None
    _, verb = ENGINES[version.manifest.kind]
    return f"{version} {verb} the texts of all callers together, in one process for all workers"


def load_engine(version: StoredVersion, settings: Settings, suspects: Callable[[int], Suspects]) -> Any:
    """The engine of a version that runs in the engine process, whose files are verified.

    suspects: makes the Suspects of an engine that works on so many texts at once. Raises StartupError for any other
    version, and whatever the files of a model make parsers raise.
    """
    check_kind(version)
    if version.manifest.kind not in ENGINES:
        raise StartupError(f"{version} is of kind {version.manifest.kind}, which runs in no engine")
    try:
        return resolve_name(ENGINES[version.manifest.kind][0])(version, settings, suspects)
    except ModuleNotFoundError as error:  # its graph does not run here, and torch is not installed
        raise StartupError(f"{version} cannot be loaded: {install(error)}") from error


def slowness(version: StoredVersion) -> str | None:
    """Why a version is too slow for a worker of one thread, a sentence from its manifest; None where it is quick."""
    manifest = version.manifest
    runtime = manifest.spec.get("runtime") or {}
    microseconds = (runtime.get("microseconds") or {}).get(runtime.get("name"))
    if manifest.kind != "tabular":
        return f"{version} is of kind {manifest.kind}"
    if runtime.get("name", "sklearn") == "sklearn":
        return f"{version} is not compiled"
    if microseconds is None or microseconds >= QUICK:
        return f"{version} takes {microseconds or 'an unknown number of'} microseconds a call"
    return None

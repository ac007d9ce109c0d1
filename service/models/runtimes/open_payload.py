"""Open the estimator of a version from its verified files.

estimator = open_payload(version, settings)

The suffix of the payload decides: a `.skops` file may hold the types that the settings trust, ONNX files and those that
boosters write themselves hold no code, and any other file is a pickle, which may import the modules that were trusted
when it was packed and those bundled with it.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from . import boosters, onnx_files, pickles, skops_files
from .bundled_code import carried, sources
from .library_versions import check_needs

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.versions import StoredVersion

__all__ = ["SKOPS", "open_payload"]

SKOPS = ".skops"


def open_payload(version: StoredVersion, settings: Settings) -> Any:
    """The estimator of a StoredVersion. Raises VersionMismatch, DigestMismatch, Refused, or what the file raises."""
    manifest = version.manifest
    check_needs(manifest.provenance.get("needs", {}), allow=settings.allow_version_mismatch)
    modules, suffix = sources(version), PurePath(manifest.spec["payload"]).suffix
    with version.open(manifest.spec["payload"]) as file, carried(modules):
        if suffix == SKOPS:
            return skops_files.load(file, settings.trusted_types)
        if suffix == onnx_files.SUFFIX:
            return onnx_files.load(file)
        if suffix in boosters.SUFFIXES:
            return boosters.load(file)
        return boosters.as_estimator(pickles.load(file, [*manifest.provenance.get("trusted", ()), *modules]))

"""From the verified files of a version to its estimator.

estimator = open_payload(version, settings)

Opened by the suffix of the payload: `.skops` files with the types that the settings trust,
all others as pickles with the modules that were trusted, or carried along, when they were packed.
"""

from pathlib import PurePath

from . import pickles, skops_files
from .bundled_code import carried, sources
from .library_versions import check_library

__all__ = ["SKOPS", "open_payload"]

SKOPS = ".skops"


def open_payload(version, settings):
    """The estimator of a StoredVersion. Raises VersionMismatch, DigestMismatch, Refused, or what the file raises."""
    manifest = version.manifest
    packed_with = manifest.provenance.get("packages", {}).get("scikit-learn")
    check_library("scikit-learn", packed_with, allow=settings.allow_version_mismatch)
    modules = sources(version)
    with version.open(manifest.spec["payload"]) as file, carried(modules):
        if PurePath(manifest.spec["payload"]).suffix == SKOPS:
            return skops_files.load(file, settings.trusted_types)
        return pickles.load(file, [*manifest.provenance.get("trusted", ()), *modules])

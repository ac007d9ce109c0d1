"""Rows of the sample that packing has put into a version of a table model.

proof_of(version)           # [{"instances": [...], "outputs": {...}}]: repeated at every load
background_of(version)      # [{"age": 31, ...}, ...]: what answers are explained against
"""

import json

from .explanations.output import EXPLANATION

__all__ = ["PROFILE", "background_of", "profile_of", "proof_of"]

PROFILE = "profile"  # of a manifest's spec: {"file": "profile.json", "rows": 569}


def proof_of(version):
    """The rows that a compiled model was proven on and repeats at every load; none where scikit-learn serves."""
    name = version.manifest.spec.get("runtime", {}).get("proof")
    return [] if name is None else [read(version, name)]


def background_of(version):
    """The rows that answers are explained against; none where packing found that nothing can be explained."""
    name = version.manifest.spec.get(EXPLANATION, {}).get("background")
    return [] if name is None else read(version, name)


def profile_of(version):
    """How the sample was distributed; None for a version that was packed without a sample, or before there was one."""
    described = version.manifest.spec.get(PROFILE)
    return None if described is None else read(version, described["file"])


def read(version, name):
    """The JSON in one of the version's files."""
    with version.open(name) as file:
        return json.load(file)

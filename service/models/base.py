"""What every kind of model offers to the predictor.

A model never sees HTTP: it takes plain Python values and gives plain Python values.
"""

from abc import ABC, abstractmethod

__all__ = ["Model"]


class Model(ABC):
    """One loaded version. Subclasses add `predict` (tabular) or `stream` (text_generation)."""

    failure = None  # why it can serve no more, where that can happen: a message

    def __init__(self, manifest):
        self.manifest = manifest

    @property
    def name(self):
        return self.manifest.model

    @property
    def version(self):
        return self.manifest.version

    @property
    def kind(self):
        return self.manifest.kind

    @classmethod
    @abstractmethod
    def load(cls, version, settings):
        """Check a StoredVersion's digests, then load it. Raises StartupError."""

    @abstractmethod
    def warm_up(self):
        """Replay the stored example. Raises StartupError if the answer is not the stored one."""

    def describe(self):
        """What a caller may know: JSON-ready, and the same for every dialect."""
        manifest = self.manifest
        return {
            "name": manifest.model,
            "version": manifest.version,
            "kind": manifest.kind,
            "created": manifest.created,
            **manifest.spec,
            "example": manifest.example,
            "metrics": manifest.metrics,
            "provenance": manifest.provenance,
        }

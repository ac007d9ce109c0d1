"""The manifest: everything Daylight knows of one version of a model, as JSON.

<store>/<model>/<version>/manifest.json
{"format": 1, "model": "tumour", "version": "1", "kind": "tabular", "created": "2026-...Z",
 "files": {"classifier.pkl": {"sha256": "...", "bytes": 16789}},
 "spec": {...what the kind needs...}, "example": {...}, "metrics": {...}, "provenance": {...}}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import ArtifactMissing, StartupError

__all__ = ["FORMAT", "MANIFEST", "Manifest"]

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """One immutable version. `spec` belongs to the kind; the rest is common to all kinds."""

    model: str
    version: str
    kind: str
    files: dict[str, dict[str, Any]]
    spec: dict[str, Any]
    example: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    format: int = FORMAT
    signature: str = ""  # see service.store.signature

    @property
    def compiled(self) -> bool:
        """Whether it is served as a graph, without the library that it was made with."""
        return self.spec.get("runtime", {}).get("name") == "onnx"

    def write(self, folder: Path | str) -> None:
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)
        Path(folder, MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path | str) -> Manifest:
        """Read and check `<folder>/manifest.json`. Raises ArtifactMissing or StartupError."""
        path = Path(folder, MANIFEST)
        try:
            manifest = cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise ArtifactMissing(f"{path} is missing") from None
        except OSError as error:
            raise StartupError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError) as error:
            raise StartupError(f"{path} is not a manifest: {error}") from None
        if manifest.format != FORMAT:
            raise StartupError(f"{path} has format {manifest.format}; this service reads format {FORMAT}")
        return manifest

"""The kinds of model: name -> dotted path of the class that serves it.

A kind is one module here and one line below. Modules are imported only when
a version of their kind is loaded: a worker without text models never pays for torch.
"""

import importlib

from service.errors import UnknownKind
from service.store.signature import check_signature

__all__ = ["KINDS", "load"]

KINDS = {
    "python": "service.models.python_model.PythonModel",
    "tabular": "service.models.tabular.TabularModel",
    "text_generation": "service.models.text_generation.TextGenerationModel",
}


def load(version, settings):
    """Load one StoredVersion as its kind says, its signature checked first. Raises StartupError."""
    check_signature(version.manifest, settings.signing_key)
    kind = version.manifest.kind
    if kind not in KINDS:
        raise UnknownKind(f"{version} is of kind {kind!r}; this service knows {', '.join(KINDS)}")
    module, name = KINDS[kind].rsplit(".", 1)
    return getattr(importlib.import_module(module), name).load(version, settings)

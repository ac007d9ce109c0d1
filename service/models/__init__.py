"""The kinds of model: name -> dotted path of the class that serves it.

A kind is one module here and one line below. Modules are imported only when
a version of their kind is loaded: a worker without text models never pays for torch.
"""

from importlib import import_module

from ..errors import UnknownKind
from ..store.signature import check_signature

__all__ = ["KINDS", "load"]

KINDS = {
    "python": ".python_model:PythonModel",
    "tabular": ".tabular:TabularModel",
    "text_generation": ".text_generation:TextGenerationModel",
}


def load(version, settings):
    """Load one StoredVersion as its kind says, its signature checked first. Raises StartupError."""
    check_signature(version.manifest, settings.signing_key)
    kind = version.manifest.kind
    if kind not in KINDS:
        raise UnknownKind(f"{version} is of kind {kind!r}; this service knows {', '.join(KINDS)}")
    module, name = KINDS[kind].split(":")
    return getattr(import_module(module, __package__), name).load(version, settings)

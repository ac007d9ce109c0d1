"""Open versions of the store as models that have proved themselves: digests checked, loaded, the example replayed.

model = open_version(store, "tumour", None, settings)            # StartupError says why not, whatever the model raised
opened, broken = open_current(store, open_one, strict=False)     # ({name: Model}, {name: {"version", "reason"}})
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import StartupError, in_a_line
from ..store.proven import record_proven, versions_to_try
from . import load
from .memory import release_freed

if TYPE_CHECKING:
    from ..settings import Settings
    from ..store.versions import Store, StoredVersion
    from .base import Model

__all__ = ["open_current", "open_version"]

log = logging.getLogger(__name__)


def open_version(
    store: Store,
    name: str,
    version: str | None,
    settings: Settings,
    unfit: Callable[[StoredVersion], str | None] = lambda version: None,
) -> Model:
    """Load and prove a version (None: the current one). unfit: the reason against a version, or None.

    Raises StartupError, whatever the version itself raises.
    """
    try:
        stored = store.open(name, version)
        reason = unfit(stored)
        if reason:
            raise StartupError(reason)
        model = load(stored, settings)
        model.warm_up()
        model.optimize(settings)
    except StartupError:
        raise
    except (Exception, SystemExit) as error:  # a model's own code may raise anything
        which = f"{name} version {version}" if version else name
        raise StartupError(f"{which} cannot be loaded: {type(error).__name__}: {in_a_line(error)}") from error
    release_freed()
    record_proven(store, model.name, model.version)
    log.info("loaded %s version %s (%s)", model.name, model.version, model.kind)
    return model


def open_current(
    store: Store, open_one: Callable[[str, str | None], Model], *, strict: bool
) -> tuple[dict[str, Model], dict[str, dict[str, Any]]]:
    """Open the current version of every model, or where it is broken the last one that proved itself.

    open_one: as Predictor.open. Returns ({name: Model}, {name: {"version", "reason"}} of the broken current versions).
    Raises StartupError where nothing can be opened, and where strict is set for the first broken one.
    """
    opened: dict[str, Model] = {}
    broken: dict[str, dict[str, Any]] = {}
    for name in store.check():
        for version in versions_to_try(store, name):
            try:
                opened[name] = open_one(name, version)
                break
            except StartupError as error:
                if strict:
                    raise
                log.error("%s is broken: %s", name, error)
                broken.setdefault(name, {"version": store.named(name), "reason": str(error)})
    if not opened:
        raise StartupError(next(iter(broken.values()))["reason"])
    return opened, broken

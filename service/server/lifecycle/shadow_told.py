"""What a server makes of a model's shadow, for the command line and the operations page.

found = shadow_of(registry, "tumour", read_shadow(home))    # {"version": "4", "workers": 2, "rows": 1204.0, ...}
shadow_told(found)      # "version 4 is its shadow in 2 workers; of 1,204 rows 12 are answered otherwise"
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ...observability.by_model import shadow_counts
from ...store.shadow import Shadow
from .shadow_states import RUNNING, ShadowStates
from .worker_registry import WorkerRegistry

__all__ = ["shadow_of", "shadow_told"]


def shadow_of(registry: WorkerRegistry, name: str, shadow: Shadow | None) -> dict[str, Any] | None:
    """A server's shadow of a model: its state in the workers, and what was counted; None without one. JSON-ready."""
    if shadow is None:
        return None
    told = ShadowStates(registry.folder).of_all(name).values()
    states = [state for state in told if state.version == shadow.version]
    reason = next((state.why for state in states if state.why), "")
    found: dict[str, Any] = {
        "version": shadow.version,
        "share": shadow.share,
        "workers": sum(state.state == RUNNING for state in states),
        "bytes": max((state.bytes for state in states), default=0),
        "reason": reason,
    }
    with suppress(OSError):
        found |= shadow_counts(str(registry.folder.parent / "metrics"), name, shadow.version)
    return found


def shadow_told(found: dict[str, Any]) -> str:
    """`shadow_of` for people."""
    if found["reason"]:
        return f"version {found['version']} cannot be its shadow: {found['reason']}"
    counted = ""
    if "rows" in found:
        counted = f"; of {found['rows']:,.0f} rows {found['disagreements']:,.0f} are answered otherwise"
        counted += f", by {found['max_difference']:.4g} at most" if found["max_difference"] else ""
        lost = {"failures": "requests failed", "dropped": "had no time"}
        counted += "".join(f", {found[each]:,.0f} {what}" for each, what in lost.items() if found[each])
    return f"version {found['version']} is its shadow in {found['workers']} workers{counted}"

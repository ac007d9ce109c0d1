"""Two versions of a model side by side: their scores, and their answers to the samples that both keep.

for sentence in differences(old, new):
    print(sentence)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .tables.output import close

if TYPE_CHECKING:
    from .base import Model

__all__ = ["differences"]


def differences(old: Model, new: Model) -> Iterator[str]:
    """A sentence for each score that changed, and one for the answers to the samples of both. The models are loaded."""
    before, after = old.manifest.metrics, new.manifest.metrics
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, 'unknown')} in version {old.version}, {after.get(name, 'unknown')} now"
    if old.capabilities == new.capabilities:
        items = [*old.sample(), *new.sample()]
        yield answers(items, old.answer_sample(items), new.answer_sample(items))


def answers(items: list[Any], before: list[Any], after: list[Any]) -> str:
    """How many of the sample's items are answered otherwise; of numbers, by how much."""
    pairs = list(zip(before, after, strict=True))
    lost = sum(now is None and was is not None for was, now in pairs)
    changed = [(was, now) for was, now in pairs if not (was is None or now is None or close(now, was))]
    if not (lost or changed):
        return f"answers: the same to all {len(items)} of the sample"
    parts = [f"{len(changed)} of {len(items)} of the sample differ"]
    apart = [abs(now - was) for was, now in changed if isinstance(was, float) and isinstance(now, float)]
    if apart:
        parts.append(f"by at most {max(apart):.3g}")
    if lost:
        parts.append(f"{lost} cannot be answered any more")
    return "answers: " + ", ".join(parts)

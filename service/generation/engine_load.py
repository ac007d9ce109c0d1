"""How much work an engine has at a moment."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EngineLoad"]


@dataclass(frozen=True)
class EngineLoad:
    """running, waiting: sequences, or for an encoder texts. waiting_tokens: of their prompts. expected_wait: seconds
    until a sequence that came now would begin. kv_ratio: share of the KV memory that is reserved, 0 to 1. prefix_bytes,
    cached_prefixes: of the prefix cache. reused_tokens: of prompts so far, whose KV was there already.
    """

    running: int
    waiting: int
    waiting_tokens: int
    expected_wait: float
    kv_ratio: float = 0.0
    prefix_bytes: int = 0
    cached_prefixes: int = 0
    reused_tokens: int = 0

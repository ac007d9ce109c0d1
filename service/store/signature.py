"""Signed manifests: HMAC-SHA256 over everything a manifest says, the digests of all its files included.

    manifest = replace(manifest, signature=sign(manifest, key))
    check_signature(manifest, key)          # DigestMismatch where it is unsigned or altered

A signature says that the holder of the key wrote this version under this name and number.
It does not say which version is current: that is changed without the key, so that
whoever runs the service may go back at night. Whoever can write to the store can
therefore choose among signed versions, and remove them, but bring in none of their own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import DigestMismatch

if TYPE_CHECKING:
    from .manifest import Manifest

__all__ = ["check_signature", "sign"]


def sign(manifest: Manifest, key: str) -> str:
    """The signature of a Manifest, in hex; `key` is text."""
    signed = {name: value for name, value in asdict(manifest).items() if name != "signature"}
    # Through JSON once, since that is how it will be read: tuples are lists there, and keys are text.
    canonical = json.dumps(json.loads(json.dumps(signed, allow_nan=False)), sort_keys=True, separators=(",", ":"))
    return hmac.new(key.encode(), canonical.encode(), hashlib.sha256).hexdigest()


def check_signature(manifest: Manifest, key: str) -> None:
    """Raise DigestMismatch unless `manifest` is signed with `key`; an empty key asks for nothing."""
    if not key:
        return
    whose = f"{manifest.model} version {manifest.version}"
    if not manifest.signature:
        raise DigestMismatch(f"{whose}: its manifest is not signed, and DAYLIGHT_SIGNING_KEY asks for signatures")
    if not hmac.compare_digest(sign(manifest, key).encode(), str(manifest.signature).encode()):
        raise DigestMismatch(
            f"{whose}: its manifest was altered after it was signed, or signed with another DAYLIGHT_SIGNING_KEY"
        )

"""Signed manifests and histories: with one shared key, or with key pairs.

    keys = Keys(shared="a text of 16 characters or more")
    manifest = replace(manifest, signature=keys.sign(manifest))
    keys.check(manifest)                    # DigestMismatch where it is unsigned or altered

**A shared key** (HMAC-SHA256) says that its holder wrote this version under this name and number, with the digests of
all its files. Whoever checks can also sign. Which version is current is not signed.

**Key pairs** (Ed25519, see key_pairs) separate those who make versions, those who promote them, and the server, which
holds public keys alone. The receipts of a model (see receipts) are signed as well, and say what is current: whoever can
write to the store and has no key can neither bring in a version, nor choose another one, nor exchange two models.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadSetting, DigestMismatch
from .seen import Seen

if TYPE_CHECKING:
    from ..settings import Settings
    from .key_pairs import PrivateKey, Signer
    from .manifest import Manifest

__all__ = ["Keys", "sign"]


class Keys:
    """What this process signs with, and whose signatures it asks for; without any key, nothing and nobody's.

    shared: text. private, signers: files, or "". seen: see service.store.seen.
    """

    def __init__(
        self,
        shared: str = "",
        private: str | Path = "",
        signers: str | Path = "",
        seen: str = "",
    ) -> None:
        self._shared = shared
        self._private_path, self._signers_path = private, signers
        self.asks_for_signers = bool(signers)
        self.seen = Seen(seen)

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        # Without a file of its own, what was seen is forgotten when the server ends.
        seen = settings.seen_file or (f"{settings.run_folder}/seen.json" if settings.run_folder else "")
        return cls(settings.signing_key, settings.private_key, settings.signers_file, seen)

    def sign(self, manifest: Manifest) -> str:
        """The signature of a Manifest; empty without a key. Raises BadSetting."""
        if self._private_path or self.asks_for_signers:
            return self._signed(f"{manifest.model} version {manifest.version}", signed_part(manifest), "pack")
        return sign(manifest, self._shared) if self._shared else ""

    def check(self, manifest: Manifest) -> None:
        """Raise DigestMismatch unless `manifest` is signed as it must be."""
        whose = f"{manifest.model} version {manifest.version}"
        if self.asks_for_signers:
            if "pack" not in self._checked(signed_part(manifest), str(manifest.signature), f"{whose}: its manifest"):
                raise DigestMismatch(f"{whose}: its manifest was signed by a key that may not pack")
        elif self._shared:
            check_shared(manifest, whose, self._shared)

    def sign_receipt(self, receipt: dict[str, Any], right: str) -> str:
        """The signature of a receipt, whose signer needs this right; empty without a private key."""
        if not (self._private_path or self.asks_for_signers):
            return ""
        return self._signed(f"{receipt['model']}", receipt, right)

    def check_receipt(self, receipt: dict[str, Any], signature: str, where: str) -> tuple[str, ...]:
        """What the signer of a receipt may do. Raises DigestMismatch, beginning with `where`."""
        return self._checked(receipt, signature, where)

    def name_of(self, signature: str) -> str:
        """The name of the signer, or the id of the key where that is not among the signers; "" without either."""
        _, _, rest = signature.partition(":")
        known_as = rest.partition(":")[0]
        return next((each.name for each in self._signers() if each.id == known_as), known_as)

    def _signed(self, what: str, value: dict[str, Any], right: str) -> str:
        key = self._private()
        if key is None:
            raise BadSetting(f"{what} has to be signed (DAYLIGHT_SIGNERS_FILE), and DAYLIGHT_PRIVATE_KEY names no key")
        if self.asks_for_signers:
            signer = next((each for each in self._signers() if each.public == key.public), None)
            if signer is None or right not in signer.may:
                raise BadSetting(
                    f"{what}: the private key {self._private_path} is not of a signer who may {right}, by "
                    f"{self._signers_path}"
                )
        return key.sign(canonical(value))

    def _checked(self, value: dict[str, Any], signature: str, where: str) -> tuple[str, ...]:
        from .key_pairs import signer_of

        if not signature:
            raise DigestMismatch(f"{where} is not signed, and DAYLIGHT_SIGNERS_FILE asks for signatures")
        signer = signer_of(self._signers(), canonical(value), signature)
        if signer is None:
            raise DigestMismatch(
                f"{where} was altered after it was signed, or signed by nobody whom DAYLIGHT_SIGNERS_FILE names"
            )
        return signer.may

    # The library of the key pairs is imported by those alone who use them.

    def _private(self) -> PrivateKey | None:
        from .key_pairs import PrivateKey

        return PrivateKey.read(self._private_path) if self._private_path else None

    def _signers(self) -> list[Signer]:
        from .key_pairs import read_signers

        if not self._signers_path:
            return []
        try:
            return read_signers(self._signers_path)
        except (OSError, ValueError) as error:
            raise BadSetting(f"the signers cannot be read: {error}") from None


def signed_part(manifest: Manifest) -> dict[str, Any]:
    return {name: value for name, value in asdict(manifest).items() if name != "signature"}


def canonical(value: dict[str, Any]) -> bytes:
    """The bytes that are signed. A manifest and a receipt have no key in common but `model` and `version`."""
    # Through JSON once, since that is how it will be read: tuples are lists there, and keys are text.
    plain = json.loads(json.dumps(value, allow_nan=False))
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()


def sign(manifest: Manifest, key: str) -> str:
    """The signature of a Manifest with a shared key, in hex; `key` is text."""
    return hmac.new(key.encode(), canonical(signed_part(manifest)), hashlib.sha256).hexdigest()


def check_shared(manifest: Manifest, whose: str, key: str) -> None:
    if not manifest.signature:
        raise DigestMismatch(f"{whose}: its manifest is not signed, and DAYLIGHT_SIGNING_KEY asks for signatures")
    if not hmac.compare_digest(sign(manifest, key).encode(), str(manifest.signature).encode()):
        raise DigestMismatch(
            f"{whose}: its manifest was altered after it was signed, or signed with another DAYLIGHT_SIGNING_KEY"
        )

"""Ed25519 key pairs: whose signatures a server asks for, and what each of them may do.

    line = make_private_key("maria.pem")                  # the public key, as text; the file is for Maria alone
    add_signer("signers.json", "maria", line, ["pack", "promote"])
    key = PrivateKey.read("maria.pem")
    signer_of(read_signers("signers.json"), b"...", key.sign(b"...")).name    # "maria"

A signature is text: `ed25519:<id of the public key>:<base64>`. The file of signers holds public keys alone: it may be
read by everybody, and must not be written by those who can write to the store.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from binascii import Error
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..errors import BadSetting
from .atomic_write import atomic_write
from .missing_libraries import install

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ModuleNotFoundError as error:
    raise BadSetting(f"key pairs sign and check here: {install(error)}") from None

__all__ = [
    "RIGHTS",
    "PrivateKey",
    "Signer",
    "add_signer",
    "make_private_key",
    "read_signers",
    "remove_signer",
    "signer_of",
]

SCHEME = "ed25519"
RIGHTS = ("pack", "promote")  # sign versions; sign what is current
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Signer:
    """One public key of the file. `public`: its 32 bytes in base64. `may`: of RIGHTS."""

    name: str
    public: str
    may: tuple[str, ...]
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        object.__setattr__(self, "may", tuple(self.may))
        try:
            valid = len(base64.b64decode(self.public, validate=True)) == 32
        except (Error, ValueError):
            valid = False
        if not (valid and NAME.fullmatch(self.name) and self.may and set(self.may) <= set(RIGHTS)):
            raise ValueError(
                f"signer {self.name!r}: expected a name of letters, digits and ._-, a public key as `signers make` "
                f"prints it, and what it may do, of {', '.join(RIGHTS)}"
            )

    @property
    def id(self) -> str:
        return key_id(base64.b64decode(self.public))


class PrivateKey:
    """The key of one person or machine, who signs with it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = base64.b64encode(raw).decode()
        self.id = key_id(raw)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> PrivateKey:
        """The key of a file. Raises BadSetting."""
        try:
            key = serialization.load_pem_private_key(Path(path).read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise BadSetting(f"the private key {path} cannot be read: {error}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadSetting(f"{path} is not an Ed25519 private key; make one: python -m service signers make FILE")
        return cls(key)

    def sign(self, message: bytes) -> str:
        return f"{SCHEME}:{self.id}:{base64.b64encode(self._key.sign(message)).decode()}"


def key_id(raw: bytes) -> str:
    """How a signature names the public key that it needs: the beginning of its sha256."""
    return hashlib.sha256(raw).hexdigest()[:16]


def make_private_key(path: str | os.PathLike[str]) -> str:
    """Write a new private key, mode 0600, and return its public key. Raises OSError, also where the file exists."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return PrivateKey(key).public


def signer_of(signers: Iterable[Signer], message: bytes, signature: str) -> Signer | None:
    """Which of the signers has signed the message so; None where none has."""
    scheme, _, rest = signature.partition(":")
    known_as, _, text = rest.partition(":")
    for signer in signers:
        if scheme != SCHEME or signer.id != known_as:
            continue
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(signer.public))
        try:
            public.verify(base64.b64decode(text, validate=True), message)
        except (InvalidSignature, Error, ValueError):
            continue
        return signer
    return None


def read_signers(path: str | os.PathLike[str]) -> list[Signer]:
    """The signers of a file. Raises ValueError or OSError."""
    try:
        signers = [Signer(**entry) for entry in json.loads(Path(path).read_text(encoding="utf-8"))["signers"]]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is not a file of signers: {error}") from None
    if len({signer.name for signer in signers}) < len(signers):
        raise ValueError(f"{path} has two signers of one name")
    return signers


def write(path: str | os.PathLike[str], signers: Iterable[Signer]) -> None:
    text = json.dumps({"signers": [asdict(signer) for signer in signers]}, indent=1)
    atomic_write(path, text + "\n", mode=0o644)


def add_signer(path: str | os.PathLike[str], name: str, public: str, may: Sequence[str]) -> None:
    """Add a public key to the file, which is made if it is missing. Raises ValueError or OSError."""
    signers = read_signers(path) if os.path.exists(path) else []
    if any(name == signer.name or public == signer.public for signer in signers):
        raise ValueError(f"there is a signer with this name or this key already in {path}")
    write(path, [*signers, Signer(name, public, tuple(may))])


def remove_signer(path: str | os.PathLike[str], name: str) -> None:
    """Remove a signer from the file. Raises ValueError where the file has no such signer."""
    signers = read_signers(path)
    if all(signer.name != name for signer in signers):
        raise ValueError(f"there is no signer named {name}")
    write(path, [signer for signer in signers if signer.name != name])

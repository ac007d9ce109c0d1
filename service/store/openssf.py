"""A version's signature in the format of OpenSSF Model Signing 1.0, which its tool `model_signing` makes and checks.

    write_signature("artifacts/tumour/1", "release.pem", "tumour-1.sig")
    check_signature("artifacts/tumour/1", "release.pub", "tumour-1.sig")      # DigestMismatch where they differ

It travels with a copy of a version to people who have no Daylight; what a server asks for are the signatures of
key_pairs.py. Format: a Sigstore bundle 0.3 with a DSSE envelope, in which an in-toto statement names the sha256 of
every file (https://github.com/sigstore/model-transparency). The tool's key pairs are ECDSA, so these are, not Ed25519.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ArtifactMissing, BadSetting, DigestMismatch
from .atomic_write import atomic_write
from .missing_libraries import install

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ModuleNotFoundError as error:
    raise BadSetting(f"key pairs sign and check here: {install(error)}") from None

__all__ = ["check_signature", "write_signature"]

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://model_signing/signature/v1.0"
SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []}
HASHES: Mapping[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
MAKE = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem; openssl ec -in key.pem -pubout -out key.pub"


def write_signature(folder: Path | str, key: Path | str, target: Path | str) -> None:
    """Sign all files of a version with an ECDSA key, a PEM file without a passphrase. Raises BadSetting."""
    private = read_key(key, ec.EllipticCurvePrivateKey)
    public = private.public_key()
    payload = json.dumps(statement(Path(folder))).encode()
    signature = private.sign(envelope(payload), algorithm(public))
    bundle = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint(public)}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": b64encode(signature).decode(), "keyid": ""}],
        },
    }
    atomic_write(Path(target), json.dumps(bundle), mode=0o644)


def check_signature(folder: Path | str, key: Path | str, signature: Path | str) -> None:
    """Check a signature of a version. key: a PEM file with the public key.

    Raises DigestMismatch where another key has signed, or where a file is not as it was, was added or is gone;
    BadSetting for a key, and ArtifactMissing for a signature, that cannot be read.
    """
    public = read_key(key, ec.EllipticCurvePublicKey)
    try:
        sealed = json.loads(Path(signature).read_bytes())["dsseEnvelope"]
        payload, (signed,) = b64decode(sealed["payload"]), sealed["signatures"]
        public.verify(b64decode(signed["sig"]), envelope(payload), algorithm(public))
        told = digests_in(json.loads(payload))
    except InvalidSignature:
        raise DigestMismatch(f"{signature} was not made with the private key of {key}") from None
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise ArtifactMissing(f"{signature} is no signature of OpenSSF Model Signing 1.0: {error}") from None
    found = digests(Path(folder))
    if wrong := sorted(name for name in told.keys() | found.keys() if told.get(name) != found.get(name)):
        raise DigestMismatch(f"{folder} is not what {signature} was made for: {', '.join(wrong)}")


def statement(folder: Path) -> dict[str, Any]:
    """The in-toto statement about the files of a folder; the digest of its subject is that of all digests, in order."""
    found = sorted(digests(folder).items())
    whole = hashlib.sha256(b"".join(bytes.fromhex(digest) for _, digest in found)).hexdigest()
    resources = [{"name": name, "algorithm": "sha256", "digest": digest} for name, digest in found]
    return {
        "_type": STATEMENT,
        "subject": [{"name": folder.name, "digest": {"sha256": whole}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": SERIALIZATION, "resources": resources},
    }


def digests_in(told: dict[str, Any]) -> dict[str, str]:
    """{path: sha256} of a statement. Raises ValueError where it says something else."""
    predicate = told["predicate"]
    algorithms = {each["algorithm"] for each in predicate["resources"]}
    if (
        told["predicateType"] != PREDICATE
        or predicate["serialization"]["method"] != "files"
        or algorithms != {"sha256"}
    ):
        raise ValueError("it does not tell the sha256 of whole files")
    return {each["name"]: each["digest"] for each in predicate["resources"]}


def digests(folder: Path) -> dict[str, str]:
    """{path of a file below a folder: its sha256 in hexadecimal digits}"""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def envelope(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding of a payload."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def algorithm(public: ec.EllipticCurvePublicKey) -> ec.ECDSA:
    return ec.ECDSA(HASHES[public.curve.name]())


def hint(public: ec.EllipticCurvePublicKey) -> str:
    """By which the tool tells keys apart: the sha256 of the public key's PEM."""
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def read_key(path: Path | str, kind: Any) -> Any:
    """The private or the public key in a PEM file. Raises BadSetting."""
    private = kind is ec.EllipticCurvePrivateKey
    try:
        content = Path(path).read_bytes()
        key: Any = (
            serialization.load_pem_private_key(content, None) if private else serialization.load_pem_public_key(content)
        )
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadSetting(f"{path} is no key in PEM that can be read here: {error}") from None
    if not isinstance(key, kind) or key.curve.name not in HASHES:
        name = "private" if private else "public"
        raise BadSetting(f"{path} is no {name} ECDSA key of the curves P-256, P-384 and P-521; to make one: {MAKE}")
    return key

"""The bytes that each token stands for in a text: those of all tokens joined are the text, in UTF-8.

    token_bytes = TokenBytes(tokenizer)
    token_bytes.of(7381)        # b" cat"
    token_bytes.of(10813)       # b"\\xf0\\x9f": a part of a character

Decoding tokens one by one gives no such bytes: parts of a character have no text, and many decoders drop the space at
the start of a text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["TokenBytes"]

BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")  # how a vocabulary with byte fallback spells one
UNFINISHED = "\N{REPLACEMENT CHARACTER}"


def byte_alphabet() -> dict[str, int]:
    """GPT-2's spelling of bytes as printable characters: {character: byte}."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


ALPHABET = byte_alphabet()


class TokenBytes:
    """The vocabulary of one tokenizer, spelled as its decoder spells it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._added = tokenizer.get_added_tokens_decoder()
        self._steps = steps(tokenizer)
        kinds = {step["type"] for step in self._steps}
        self._byte_level, self._byte_fallback = "ByteLevel" in kinds, "ByteFallback" in kinds
        self._replaced = dict(filter(None, map(replaced, self._steps)))

    def of(self, token: int) -> bytes | None:
        """Its bytes; None for a special token, which no text shows."""
        added = self._added.get(token)
        if added is not None:
            return None if added.special else added.content.encode()
        piece = self._tokenizer.id_to_token(token)
        if piece is None:  # a vocabulary may be padded
            return b""
        if self._byte_level:
            spelled = [ALPHABET.get(character, -1) for character in piece]
            return piece.encode() if -1 in spelled else bytes(spelled)
        if self._byte_fallback and (byte := BYTE.fullmatch(piece)):
            return bytes([int(byte[1], 16)])
        if not self._replaced:
            text = self._tokenizer.decode([token])
            return b"" if UNFINISHED in text else text.encode()
        for written, meant in self._replaced.items():
            piece = piece.replace(written, meant)
        return piece.encode()


def steps(tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """What the tokenizer's decoder does, one step after the other, as tokenizer.json describes them."""
    if tokenizer.decoder is None:
        return []
    described = json.loads(tokenizer.decoder.__getstate__())
    return described["decoders"] if described["type"] == "Sequence" else [described]


def replaced(step: dict[str, Any]) -> tuple[str, str] | None:
    """(what a step of the decoder replaces, by what) for those that spell spaces; None for others."""
    if step["type"] == "Metaspace":
        return step["replacement"], " "
    if step["type"] == "Replace" and "String" in step["pattern"]:
        return step["pattern"]["String"], step["content"]
    return None

"""The bytes of tokens: joined they are the text, for every way in which vocabularies spell them."""

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from service.models.token_bytes import TokenBytes
from tests.support.tiny_text import END, byte_tokenizer

TEXTS = ["Once upon a time", "a  b\n\tc", "naïve café", "日本語 🙂🇳🇴", " x"]


def byte_level():
    return byte_tokenizer().backend_tokenizer


def byte_fallback():
    """As Llama 2, Gemma and Mistral spell them: a mark for each space, <0x..> for bytes without a token."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghinopstuxO", "▁a"]
    tokenizer = Tokenizer(
        models.BPE(
            {piece: place for place, piece in enumerate(pieces)}, [("▁", "a")], unk_token="<unk>", byte_fallback=True
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(END, special=True)])
    tokenizer.add_tokens([AddedToken("Once", special=False)])
    return tokenizer


def metaspace():
    pieces = ["<unk>", "▁", *"abcdefghinopstuxO"]
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], 0))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return tokenizer


@pytest.mark.parametrize("make", [byte_level, byte_fallback, metaspace])
@pytest.mark.parametrize("text", TEXTS)
def test_joined_they_are_the_text(make, text):
    tokenizer = make()
    ids = tokenizer.encode(text).ids
    if make is metaspace and 0 in ids:
        pytest.skip("a vocabulary without bytes cannot write it")
    joined = b"".join(TokenBytes(tokenizer).of(token) for token in ids).decode()
    # A decoder drops one space at the start of a text, which the continuation of a prompt does not have.
    assert joined == text or joined.removeprefix(" ") == text
    assert joined.endswith(tokenizer.decode(ids))


def test_special_tokens_have_none_and_padding_of_the_vocabulary_is_empty():
    tokenizer = byte_fallback()
    token_bytes = TokenBytes(tokenizer)
    assert token_bytes.of(tokenizer.token_to_id(END)) is None
    assert token_bytes.of(tokenizer.token_to_id("Once")) == b"Once"
    assert token_bytes.of(100_000) == b""


def test_a_decoder_of_another_sort_is_asked_itself():
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "ab": 1, "##c": 2}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece()
    assert TokenBytes(tokenizer).of(1) == b"ab"

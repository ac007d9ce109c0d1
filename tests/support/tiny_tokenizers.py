"""Tokenizers of the three families, trained on a few sentences in several scripts, in milliseconds.

tokenizer_of("wordpiece")       # as BERT's: lower case, ## before pieces of a word
tokenizer_of("bytes")           # as RoBERTa's: bytes, spaces belong to the words behind them
tokenizer_of("unigram")         # as XLM-RoBERTa's: characters, spaces are a sign of their own
"""

import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SENTENCES = [
    "Ada Lovelace met Charles Babbage in London on 5 June 1833.",
    "Wolfgang lives in New York, São Paulo and Kraków; naïve café.",
    "東京で会った山田さん。日本語のテキスト",
    "Анна и Пётр живут в Москве.",
    "سافر أحمد إلى القاهرة",
    "अशोक दिल्ली में रहता है",
    "🙂🙂 emoji,\ttabs and\r\nlines -- don't stop",
]
MARKS = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}
FAMILIES = ("wordpiece", "bytes", "unigram")
SIZE = 320  # tokens at most


def tokenizer_of(family):
    """A tokenizer of transformers; its ids are below SIZE."""
    special = list(MARKS.values())
    if family == "wordpiece":
        made = Tokenizer(models.WordPiece(unk_token="<unk>"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer, made.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=260, special_tokens=special, limit_alphabet=70)
    elif family == "bytes":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=special, initial_alphabet=alphabet)
    else:
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=special, unk_token="<unk>")
    trainer.show_progress = False
    made.train_from_iterator(SENTENCES, trainer)
    ids = [(mark, made.token_to_id(mark)) for mark in ("<s>", "</s>")]
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=ids
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **MARKS)

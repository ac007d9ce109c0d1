"""all-MiniLM-L6-v2 gives what sentence-transformers gives, in six scripts, to the last token that it reads.

So do classifiers that were fitted on its vectors, beside it or in its checkpoint.
"""

import json
import random
import shutil

import numpy as np
import pytest
import torch
import transformers
from sklearn.linear_model import LogisticRegression

from service import models
from service.capabilities import EmbedCall
from service.packing.encoder import pack_encoder
from service.settings import Settings
from tests.support.minilm import minilm

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]  # of the libraries that are compared with

TEXTS = 500
LONGEST = 512  # tokens
SCRIPTS = {
    "Latin": "the harbour was quiet when ferry came naïve São Paulo Kraków Übergröße don't 1833 , . hyphen-ation "
    "antidisestablishmentarianism",
    "Cyrillic": "в гавани было тихо когда паром пришёл на рассвете и двое мужчин поймали канаты Ёлка объезд 42 — конец",
    "Greek": "το λιμάνι ήταν ήσυχο όταν ήρθε το πλοίο και δύο άνδρες έπιασαν τα σχοινιά Αθήνα · 7 τέλος",
    "Arabic": "كان الميناء هادئا عندما جاءت العبارة فجرا وأمسك رجلان بالحبال القاهرة ١٢٣ ، نهاية مَدْرَسَة",
    "Devanagari": "बंदरगाह शांत था जब नौका भोर में आई और दो आदमियों ने रस्सियाँ पकड़ीं दिल्ली १२३ । अंत",
    "Han and kana": "港 は 静か で 夜明け に フェリー が 来て 二人 の 男 が 綱 を 掴んだ 東京 、 。 日本語のテキスト",
}


def texts_of(tokenizer):
    """Texts of 3 to LONGEST tokens with the two marks, as many short ones as long ones; the first have one word."""
    chosen = random.Random(17)
    scripts = [words.split() for words in SCRIPTS.values()]
    texts = []
    for number in range(TEXTS):
        words = scripts[number % len(scripts)]
        wanted = 3 if number < 2 * len(scripts) else round(3 * (LONGEST / 3) ** chosen.random())
        text = chosen.choice(words)
        while len(tokenizer(longer := f"{text} {chosen.choice(words)}").input_ids) <= wanted:
            text = longer
        texts.append(text)
    return texts


def served(folder, store):
    model = models.load(pack_encoder(folder, name="it", store=store), Settings(store=store, workers=1))
    model.warm_up()
    return model


@pytest.fixture(scope="module")
def longest(tmp_path_factory):
    """The folder with LONGEST tokens, of which the network has positions; its files say 256."""
    folder = tmp_path_factory.mktemp("weights") / "minilm"
    shutil.copytree(minilm(), folder)
    file = folder / "sentence_bert_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"max_seq_length": LONGEST}))
    return folder


@pytest.fixture(scope="module")
def texts(longest):
    return texts_of(transformers.AutoTokenizer.from_pretrained(longest))


@pytest.fixture(scope="module")
def embedder(longest, tmp_path_factory):
    model = served(longest, tmp_path_factory.mktemp("store"))
    yield model
    model.stop()


def vectors_of(model, texts, **options):
    """In several requests, since one may bring 65,536 tokens."""
    parts = [texts[at : at + 100] for at in range(0, len(texts), 100)]
    return np.concatenate([model.run(EmbedCall(part, **options)).vectors for part in parts])


def expected_of(folder, texts):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").encode(texts, batch_size=16, convert_to_numpy=True)


@pytest.fixture(scope="module")
def expected(longest, texts):
    return expected_of(longest, texts)


def check_equal(given, expected):
    assert given.dtype == expected.dtype == np.float32
    wide, wanted = given.astype(np.float64), expected.astype(np.float64)
    cosines = (wide * wanted).sum(1) / np.linalg.norm(wide, axis=1) / np.linalg.norm(wanted, axis=1)
    print(f"{len(given)} texts: 1 - cosine <= {1 - cosines.min():.1e}, a number <= {np.abs(wide - wanted).max():.1e}")
    assert cosines.min() >= 0.999999
    assert np.abs(wide - wanted).max() <= 1e-5


def test_vectors_are_those_of_sentence_transformers(embedder, texts, expected):
    lengths = [len(row.ids) for row in embedder.tokens.rows(texts)[0]]
    assert min(lengths) == 3
    assert max(lengths) > LONGEST - 10
    assert len(set(lengths)) > 150
    check_equal(vectors_of(embedder, texts), expected)


def test_what_is_too_long_is_cut_where_sentence_transformers_cuts_it(texts, tmp_path):
    model = served(minilm(), tmp_path / "store")
    check_equal(vectors_of(model, texts, truncate=True), expected_of(minilm(), texts))
    model.stop()


def test_a_classifier_fitted_on_vectors_of_sentence_transformers_answers_alike_here(embedder, texts, expected):
    scripts = np.arange(len(texts)) % len(SCRIPTS)
    head = LogisticRegression(max_iter=1000).fit(expected[::2], scripts[::2])
    vectors = vectors_of(embedder, texts[1::2])
    assert head.predict(vectors).tolist() == head.predict(expected[1::2]).tolist()
    assert np.abs(head.predict_proba(vectors) - head.predict_proba(expected[1::2])).max() <= 1e-5


def test_a_checkpoint_with_a_fitted_head_answers_as_the_pipeline(longest, texts, tmp_path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(longest)
    labels = dict(enumerate(SCRIPTS))
    network = transformers.BertForSequenceClassification.from_pretrained(longest, id2label=labels).eval()
    with torch.inference_mode():
        inputs = [tokenizer(text, return_tensors="pt") for text in texts[: TEXTS // 2]]
        states = np.concatenate([network.bert(**each).pooler_output.numpy() for each in inputs])
    head = LogisticRegression(max_iter=1000).fit(states, np.arange(len(states)) % len(SCRIPTS))
    with torch.no_grad():
        network.classifier.weight.copy_(torch.tensor(head.coef_))
        network.classifier.bias.copy_(torch.tensor(head.intercept_))
    network.save_pretrained(tmp_path / "headed")
    tokenizer.save_pretrained(tmp_path / "headed")
    pipeline = transformers.pipeline("text-classification", model=str(tmp_path / "headed"), top_k=None)
    model = served(tmp_path / "headed", tmp_path / "store")
    held_out = texts[TEXTS // 2 :]
    answer = model.predict(held_out, ["predict", "predict_proba"]).outputs
    for label, scores, told in zip(*answer.values(), pipeline(held_out), strict=True):
        assert label == told[0]["label"]
        assert scores == pytest.approx({each["label"]: each["score"] for each in told}, abs=1e-5)
    assert len(set(answer["predict"])) == len(SCRIPTS)
    model.stop()

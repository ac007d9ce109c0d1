"""OpenAI's own client asks for embeddings: in base64, as it does unless told otherwise, and as numbers."""

import base64

import numpy as np
import openai
import pytest

from benchmarks.support.serving import live_server
from tests.support.tiny_encoders import numbers_of, pack_embedder


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_embedder(store)
    with live_server(store) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_vectors_are_the_same_in_every_form(client, options):
    answer = client.embeddings.create(model="tiny_embedder", input=["abc", "de"], **options)
    vectors = [each.embedding for each in answer.data]
    if options.get("encoding_format") == "base64":  # asked for by name, it is the caller's to decode
        vectors = [np.frombuffer(base64.b64decode(each), "<f4") for each in vectors]
    assert np.allclose(vectors, [numbers_of("abc"), numbers_of("de")], atol=1e-6)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (9, 9)


def test_dimensions_and_token_ids(client):
    answer = client.embeddings.create(model="tiny_embedder", input=[[1, 4, 5, 6, 2]], dimensions=3)
    expected = numbers_of("abc")[:3]
    assert np.allclose(answer.data[0].embedding, expected / np.linalg.norm(expected), atol=1e-6)


def test_a_text_that_is_too_long_is_told_as_openai_tells_it(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="tiny_embedder", input="y" * 40)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input[0]")

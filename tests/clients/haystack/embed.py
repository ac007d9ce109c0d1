"""Haystack's embedders against a running server: documents in batches, a text, shorter vectors; prints JSON."""

import json
import sys

from haystack import Document
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.utils import Secret


def tour(url, asked):
    options = {"api_base_url": f"{url}/v1", "api_key": Secret.from_token("any"), "model": asked["model"]}
    documents = [Document(content=text) for text in asked["texts"]]
    embedder = OpenAIDocumentEmbedder(batch_size=3, progress_bar=False, **options)
    yield "documents", vectors(embedder.run(documents))
    yield "query", [OpenAITextEmbedder(**options).run(asked["texts"][0])["embedding"]]
    shorter = OpenAIDocumentEmbedder(dimensions=asked["dimensions"], progress_bar=False, **options)
    yield "dimensions", vectors(shorter.run(documents))


def vectors(answer):
    return [[float(number) for number in each.embedding] for each in answer["documents"]]


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1], json.load(sys.stdin)))))

"""Hugging Face's InferenceClient, the client of text-embeddings-inference, against a running server; prints JSON."""

import asyncio
import json
import sys

from huggingface_hub import AsyncInferenceClient, InferenceClient


def tour(url, asked):
    client = InferenceClient(model=f"{url}/embed")
    yield "documents", client.feature_extraction(asked["texts"]).tolist()
    yield "query", client.feature_extraction(asked["texts"][0], normalize=True, truncate=True).tolist()
    yield "async", asyncio.run(at_once(url, asked["texts"]))


async def at_once(url, texts):
    async with AsyncInferenceClient(model=f"{url}/embed") as client:
        answers = await asyncio.gather(*[client.feature_extraction(text) for text in texts])
        return [answer[0].tolist() for answer in answers]


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1], json.load(sys.stdin)))))

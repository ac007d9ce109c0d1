"""Cohere's own client ranks documents: texts, objects, the best two; prints JSON."""

import asyncio
import json
import sys

import cohere


def tour(url, asked):
    client = cohere.Client("any", base_url=url)
    query, texts = asked["query"], asked["texts"]
    yield "texts", plain(client.rerank(model="ranks", query=query, documents=texts))
    objects = [{"text": text} for text in texts]
    answer = client.rerank(model="ranks", query=query, documents=objects, return_documents=True, top_n=2)
    yield "best", plain(answer)
    yield "documents", [each.document.text for each in answer.results]
    yield "async", plain(asyncio.run(at_once(url, query, texts)))
    yield "refused", refused(client, query, [])


async def at_once(url, query, texts):
    async with cohere.AsyncClient("any", base_url=url) as client:
        return await client.rerank(model="ranks", query=query, documents=texts)


def plain(answer):
    return [[each.index, each.relevance_score] for each in answer.results]


def refused(client, query, documents):
    try:
        client.rerank(model="ranks", query=query, documents=documents)
    except cohere.errors.BadRequestError as error:
        return error.body["error"]["code"]
    return "taken"


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1], json.load(sys.stdin)))))

"""LlamaIndex's OpenAILikeEmbedding against a running server: texts, a query, in parts, at once; prints JSON."""

import asyncio
import json
import sys

from llama_index.embeddings.openai_like import OpenAILikeEmbedding


def tour(url, asked):
    options = {"model_name": asked["model"], "api_base": f"{url}/v1", "api_key": "any", "max_retries": 0}
    texts = asked["texts"]
    model = OpenAILikeEmbedding(**options)
    yield "documents", model.get_text_embedding_batch(texts)
    yield "query", [model.get_query_embedding(texts[0])]
    yield "in parts", OpenAILikeEmbedding(embed_batch_size=3, **options).get_text_embedding_batch(texts)
    yield "async", asyncio.run(model.aget_text_embedding_batch(texts))
    shorter = OpenAILikeEmbedding(dimensions=asked["dimensions"], **options)
    yield "dimensions", shorter.get_text_embedding_batch(texts)


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1], json.load(sys.stdin)))))

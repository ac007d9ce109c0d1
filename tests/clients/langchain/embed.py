"""LangChain's OpenAIEmbeddings against a running server: documents, a query, shorter vectors; prints JSON.

check_embedding_ctx_length is off, as LangChain tells of servers other than OpenAI's: it would send token ids of
OpenAI's tokenizer.
"""

import asyncio
import json
import sys

from langchain_openai import OpenAIEmbeddings


def tour(url, asked):
    options = {"base_url": f"{url}/v1", "api_key": "any", "max_retries": 0, "check_embedding_ctx_length": False}
    texts = asked["texts"]
    model = OpenAIEmbeddings(model=asked["model"], **options)
    yield "documents", model.embed_documents(texts)
    yield "query", [model.embed_query(texts[0])]
    yield "in parts", model.embed_documents(texts, chunk_size=3)
    yield "async", asyncio.run(model.aembed_documents(texts))
    shorter = OpenAIEmbeddings(model=asked["model"], dimensions=asked["dimensions"], **options)
    yield "dimensions", shorter.embed_documents(texts)


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1], json.load(sys.stdin)))))

"""OpenAI's own client asks for vectors: in base64 as it does by itself, as numbers, shorter; prints JSON."""

import asyncio
import base64
import json
import struct
import sys

import openai


def tour(client, asked):
    create, model, texts = client.embeddings.create, asked["model"], asked["texts"]
    answer = create(model=model, input=texts)
    yield "default", vectors(answer)
    yield "usage", [answer.usage.prompt_tokens, answer.usage.total_tokens]
    yield "told", [answer.object, answer.model, [each.index for each in answer.data]]
    yield "float", vectors(create(model=model, input=texts, encoding_format="float"))
    raw = create(model=model, input=texts, encoding_format="base64")
    yield "base64", [list(struct.unpack(f"<{len(each) // 4}f", each)) for each in map(bytes_of, raw.data)]
    yield "dimensions", vectors(create(model=model, input=texts, dimensions=asked["dimensions"]))
    yield "one", vectors(create(model=model, input=texts[0]))
    yield "refused", [refused(create, model=model, input=[]), refused(create, model="absent", input=texts)]


def bytes_of(each):
    return base64.b64decode(each.embedding)


def vectors(answer):
    return [each.embedding for each in answer.data]


def refused(create, **asked):
    try:
        create(**asked)
    except openai.APIStatusError as error:
        return [error.status_code, error.code, error.param]
    return "taken"


async def at_once(url, asked):
    async with openai.AsyncOpenAI(base_url=url, api_key="any", max_retries=0) as client:
        calls = [client.embeddings.create(model=asked["model"], input=[text]) for text in asked["texts"]]
        return [vectors(answer)[0] for answer in await asyncio.gather(*calls)]


if __name__ == "__main__":
    url, asked = f"{sys.argv[1]}/v1", json.load(sys.stdin)
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0) as client:
        told = dict(tour(client, asked))
    print(json.dumps(told | {"async": asyncio.run(at_once(url, asked))}))

"""Ollama's Python client against a running server, as its documentation uses it.

python drive.py http://127.0.0.1:1200 < /dev/null      # prints JSON
"""

import asyncio
import json
import sys

from ollama import AsyncClient, Client, ResponseError

QUESTION = {"role": "user", "content": "How is the weather?"}
GREEDY = {"temperature": 0}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def weather(city: str, days: int) -> str:
    """Forecast.

    Args:
        city: where
        days: how many
    """
    return f"{city}: 7 degrees for {days} days"


def tour(client, url):
    yield "models", [model.model for model in client.list().models]
    yield "shown", client.show("caller").capabilities
    yield "loaded", client.generate("caller").done_reason
    yield "asked", client.generate("caller", "How is the weather?", options=GREEDY).response
    yield "raw", client.generate("tiny", "abc", raw=True, options={"num_predict": 4}).eval_count
    yield "chats", chats(client)
    pieces = list(client.chat("caller", [QUESTION], tools=[weather], options=GREEDY, stream=True))
    yield "streamed", [calls(pieces[0].message), pieces[-1].done, pieces[-1].done_reason]
    pieces = client.generate("caller", "How is the weather?", options=GREEDY, stream=True)
    yield "streamed text", "".join(piece.response for piece in pieces)
    structured = client.chat("caller", [QUESTION], format=CITY, options=GREEDY).message.content
    yield "structured", json.loads(structured)["city"]
    yield "async", asyncio.run(chat_asynchronously(url))
    yield "refused", refusals(client)


def chats(client):
    """Five turns, each with a call; every message goes back as it came."""
    messages, told = [], []
    for _ in range(5):
        messages.append(QUESTION)
        answered = client.chat("caller", messages, tools=[weather], options=GREEDY).message
        (call,) = calls(answered)
        messages += [answered, {"role": "tool", "tool_name": call[0], "content": weather(**call[1])}]
        said = client.chat("caller", messages, tools=[weather], options=GREEDY).message
        messages.append(said)
        told += [call, said.content]
    return told


def calls(message):
    return [[call.function.name, dict(call.function.arguments)] for call in message.tool_calls or ()]


async def chat_asynchronously(url):
    pieces = await AsyncClient(url).chat("caller", [QUESTION], options=GREEDY, stream=True)
    return "".join([piece.message.content async for piece in pieces])


def refusals(client):
    for options, model in (({"temperature": -1}, "caller"), ({}, "nobody")):
        for stream in (False, True):
            try:
                answered = client.chat(model, [QUESTION], options=options, stream=stream)
                list(answered)
            except ResponseError as error:
                yield [error.status_code, error.error]


if __name__ == "__main__":
    told = {name: list(each) if name == "refused" else each for name, each in tour(Client(sys.argv[1]), sys.argv[1])}
    print(json.dumps(told))

"""OpenAI's own client against a running server: a chat of five turns with tools, responses, streams that are given up.

python drive.py http://127.0.0.1:1200 < /dev/null      # prints JSON
"""

import json
import sys

import openai
from pydantic import BaseModel

QUESTION = "How is the weather?"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
NESTED = {"type": "function", "function": {"name": "weather", "description": "Forecast", "parameters": WEATHER}}
FLAT = {"type": "function", "name": "weather", "description": "Forecast", "parameters": WEATHER, "strict": True}
GREEDY = {"model": "caller", "temperature": 0}


class Place(BaseModel):
    city: str


def tour(client):
    yield "model", [client.models.retrieve("caller").id, client.models.retrieve("caller").created > 0]
    yield "chat", list(chat(client))
    yield "streamed", streamed(client)
    parsed = client.chat.completions.parse(messages=[user(QUESTION)], response_format=Place, **GREEDY)
    yield "parsed", parsed.choices[0].message.parsed.city
    yield "responses", list(responses(client))
    yield "events", events(client)
    yield "structured", client.responses.parse(input=QUESTION, text_format=Place, **GREEDY).output_parsed.city
    yield "given up", given_up(client)
    yield "refused", [refused(client, store=True), refused(client, previous_response_id="resp_1")]


def user(text):
    return {"role": "user", "content": text}


def chat(client):
    """Five turns: each answer, and what its function gave, go back as the library keeps them."""
    messages = []
    for turn in range(5):
        messages.append(user(f"{QUESTION} ({turn})"))
        message = client.chat.completions.create(messages=messages, tools=[NESTED], **GREEDY).choices[0].message
        messages.append(message.model_dump() if turn % 2 else message)
        for call in message.tool_calls:
            yield call.function.name, json.loads(call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "7 degrees"})
        message = client.chat.completions.create(messages=messages, tools=[NESTED], **GREEDY).choices[0].message
        messages.append(message)
        yield message.content


def streamed(client):
    with client.chat.completions.stream(messages=[user(QUESTION)], tools=[NESTED], **GREEDY) as stream:
        kinds = sorted({event.type for event in stream})
        (choice,) = stream.get_final_completion().choices
    (call,) = choice.message.tool_calls
    return kinds, call.function.name, call.function.arguments, choice.finish_reason


def responses(client):
    items = [user(QUESTION)]
    for _ in range(2):
        response = client.responses.create(input=items, instructions="Be brief.", tools=[FLAT], **GREEDY)
        items += response.output
        for item in response.output:
            if item.type == "function_call":
                yield item.name, json.loads(item.arguments)
                items.append({"type": "function_call_output", "call_id": item.call_id, "output": "7 degrees"})
    yield response.output_text


def events(client):
    with client.responses.stream(input=QUESTION, tools=[FLAT], **GREEDY) as stream:
        kinds = [event.type for event in stream if not event.type.endswith("delta")]
        return kinds, stream.get_final_response().output[0].arguments


def given_up(client):
    """More streams than there are places, each left after its first event: what is full for a moment is asked again."""
    client = client.with_options(max_retries=5)
    for place in range(24):
        api, asked = (
            (client.responses, {"input": "x"}) if place % 2 else (client.chat.completions, {"messages": [user("x")]})
        )
        with api.create(stream=True, model="tiny", **asked) as stream:
            next(iter(stream))
    return client.responses.create(input=QUESTION, **GREEDY).output_text


def refused(client, **change):
    try:
        client.responses.create(input=QUESTION, **GREEDY, **change)
    except openai.BadRequestError as error:
        return error.param
    return "taken"


if __name__ == "__main__":
    with openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="any", max_retries=0) as client:
        print(json.dumps(dict(tour(client))))

"""Pydantic AI against a running server: an agent with a tool and a typed result, by chats and by responses; JSON."""

import json
import sys

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

QUESTION = "How is the weather?"


class Place(BaseModel):
    city: str


def weather(city: str, days: int) -> str:
    """Forecast"""
    return f"{city}: 7 degrees for {days} days"


def tour(url):
    provider = OpenAIProvider(base_url=f"{url}/v1", api_key="any")
    for name, kind in {"chat": OpenAIChatModel, "responses": OpenAIResponsesModel}.items():
        model = kind("caller", provider=provider)
        yield name, dict(capabilities(model))


def capabilities(model):
    agent = Agent(model, tools=[weather], instructions="Be brief.", model_settings={"temperature": 0})
    result = agent.run_sync(QUESTION)
    yield "answer", result.output
    yield (
        "called",
        [
            [part.tool_name, part.args_as_dict()]
            for message in result.all_messages()
            for part in message.parts
            if part.part_kind == "tool-call"
        ],
    )
    *_, last = agent.run_stream_sync(QUESTION).stream_text()
    yield "streamed", last
    for output in (ToolOutput, NativeOutput):
        typed = Agent(model, output_type=output(Place), model_settings={"temperature": 0})
        yield output.__name__, typed.run_sync(QUESTION).output.city


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1]))))

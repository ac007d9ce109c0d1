"""OpenAI's Agents SDK against a running server: an agent with a tool, by its default, responses, and by chats; JSON."""

import asyncio
import json
import sys

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel

QUESTION = "How is the weather?"


class Place(BaseModel):
    city: str


@function_tool
def weather(city: str, days: int) -> str:
    """Forecast"""
    return f"{city}: 7 degrees for {days} days"


async def tour(url):
    set_tracing_disabled(True)
    found = {}
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        for kind in (OpenAIResponsesModel, OpenAIChatCompletionsModel):
            found[kind.__name__] = await capabilities(kind(model="caller", openai_client=client))
    return found


async def capabilities(model):
    settings = ModelSettings(temperature=0)
    agent = Agent(name="Forecaster", instructions="Be brief.", tools=[weather], model=model, model_settings=settings)
    result = await Runner.run(agent, QUESTION)
    again = await Runner.run(agent, [*result.to_input_list(), {"role": "user", "content": QUESTION}])
    streamed = Runner.run_streamed(agent, QUESTION)
    kinds = {event.type async for event in streamed.stream_events()}
    typed = Agent(name="Guide", output_type=Place, model=model, model_settings=settings)
    return {
        "answer": result.final_output,
        "items": [item.type for item in result.new_items],
        "again": [item.type for item in again.new_items],
        "streamed": [streamed.final_output, sorted(kinds)],
        "typed": (await Runner.run(typed, QUESTION)).final_output.city,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(tour(sys.argv[1]))))

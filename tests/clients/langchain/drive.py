"""LangChain's ChatOpenAI against a running server: bind_tools, streams, structured output, an agent; prints JSON."""

import asyncio
import json
import sys

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

QUESTION = "How is the weather?"


@tool
def weather(city: str, days: int) -> str:
    """Forecast"""
    return f"{city}: 7 degrees for {days} days"


class Place(BaseModel):
    """A place on earth."""

    city: str


def tour(url):
    models = [
        ChatOpenAI(base_url=f"{url}/v1", api_key="any", model="caller", temperature=0, max_retries=0, **options)
        for options in ({}, {"use_responses_api": True})
    ]
    for name, model in zip(("chat", "responses"), models, strict=True):
        yield name, dict(capabilities(model))
    yield "async", asyncio.run(at_once(models))


async def at_once(models):
    answers = [model.bind_tools([weather]).ainvoke(QUESTION) for model in models]
    return [shown(message) for message in await asyncio.gather(*answers)]


def capabilities(model):
    bound = model.bind_tools([weather])
    question = HumanMessage(QUESTION)
    answer = bound.invoke([question])
    yield "calls", shown(answer)
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls]
    yield "then", bound.invoke([question, answer, *results]).text
    whole = None
    for chunk in bound.stream([question]):
        whole = chunk if whole is None else whole + chunk
    yield "streamed", shown(whole)
    yield "chosen", shown(model.bind_tools([weather], tool_choice="weather").invoke([question, answer, *results]))
    yield "none", shown(model.bind_tools([weather], tool_choice="none").invoke([question]))
    for method in ("function_calling", "json_schema"):
        yield method, model.with_structured_output(Place, method=method).invoke(QUESTION).city
    yield (
        "agent",
        [message.text for message in create_agent(model, [weather]).invoke({"messages": [question]})["messages"]],
    )


def shown(message):
    return [[call["name"], call["args"]] for call in message.tool_calls]


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1]))))

"""LlamaIndex's OpenAILike against a running server: chats, streams, calls, structured output; prints JSON."""

import json
import sys

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

QUESTION = "How is the weather?"


class Place(BaseModel):
    """A place on earth."""

    city: str


def weather(city: str, days: int) -> str:
    """Forecast"""
    return f"{city}: 7 degrees for {days} days"


def tour(url):
    model = OpenAILike(
        api_base=f"{url}/v1",
        api_key="any",
        model="caller",
        is_chat_model=True,
        is_function_calling_model=True,
        temperature=0,
        max_retries=0,
        context_window=4096,
        max_tokens=200,
    )
    question = ChatMessage(role="user", content=QUESTION)
    yield "chat", model.chat([question]).message.content
    yield "streamed", "".join(chunk.delta or "" for chunk in model.stream_chat([question]))
    yield "completed", len(model.complete("Once upon a time").text) > 0
    function = FunctionTool.from_defaults(weather)
    response = model.chat_with_tools([function], user_msg=QUESTION)
    calls = model.get_tool_calls_from_response(response)
    yield "calls", [[call.tool_name, call.tool_kwargs] for call in calls]
    results = [
        ChatMessage(
            role="tool",
            content=str(function(**call.tool_kwargs)),
            additional_kwargs={"tool_call_id": call.tool_id},
        )
        for call in calls
    ]
    yield "then", model.chat_with_tools([function], chat_history=[question, response.message, *results]).message.content
    yield "called", str(model.predict_and_call([function], user_msg=QUESTION))
    yield "structured", model.as_structured_llm(Place).complete(QUESTION).raw.city


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1]))))

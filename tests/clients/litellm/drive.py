"""LiteLLM against a running server: its functions, and its proxy in between; prints JSON."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches a table of prices

import litellm
import openai

KEY = f"sk-{secrets.token_hex(32)}"  # of the proxy, which starts with none that can be guessed
QUESTION = [{"role": "user", "content": "How is the weather?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Forecast",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
PROXY = """
model_list:
  - model_name: texts
    litellm_params: {{model: openai/caller, api_base: "{url}/v1", api_key: any}}
"""


def tour(url):
    named = {"model": "openai/caller", "api_base": f"{url}/v1", "api_key": "any", "num_retries": 0}
    yield "functions", dict(capabilities(lambda **asked: litellm.completion(**named, **asked)))
    yield "response", litellm.responses(input="How is the weather?", temperature=0, **named).output[0].content[0].text
    yield "too long", too_long(named)
    with proxy(url) as address, openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client:
        yield "proxy", dict(capabilities(lambda **asked: client.chat.completions.create(model="texts", **asked)))
        yield (
            "proxied response",
            client.responses.create(model="texts", input="How is the weather?", temperature=0).output_text,
        )


def capabilities(complete):
    message = complete(messages=QUESTION, tools=[WEATHER], temperature=0).choices[0].message
    (call,) = message.tool_calls
    yield "call", [call.function.name, json.loads(call.function.arguments)]
    result = {"role": "tool", "tool_call_id": call.id, "content": "7 degrees"}
    history = [*QUESTION, message.model_dump(), result]
    yield "then", complete(messages=history, tools=[WEATHER], temperature=0).choices[0].message.content
    pieces = [
        chunk.choices[0].delta
        for chunk in complete(messages=QUESTION, tools=[WEATHER], temperature=0, stream=True)
        if chunk.choices
    ]
    calls = [each for delta in pieces for each in delta.tool_calls or ()]
    yield "streamed", "".join(each.function.arguments or "" for each in calls)


def too_long(named):
    """LiteLLM knows a context that is exceeded by the words of the error; routers then choose another model."""
    try:
        litellm.completion(messages=[{"role": "user", "content": "x" * 9000}], **named)
    except litellm.ContextWindowExceededError:
        return "ContextWindowExceededError"


@contextlib.contextmanager
def proxy(url):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(PROXY.format(url=url))
        program = Path(sys.executable).with_name("litellm")
        command = [program, "--config", config, "--host", "127.0.0.1", "--port", str(port)]
        with Path(folder, "log").open("w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"LITELLM_MASTER_KEY": KEY})
            try:
                wait_until_it_answers(f"http://127.0.0.1:{port}/health/liveliness", process, log)
                yield f"http://127.0.0.1:{port}/v1"
            finally:
                process.terminate()
                process.wait(30)


def wait_until_it_answers(address, process, log, seconds=200):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    log.seek(0)
    raise TimeoutError(log.read()[-2000:])


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1]))))

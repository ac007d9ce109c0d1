"""The command line program llm against a running server, its models described in a file as its documentation says.

python drive.py http://127.0.0.1:1200 < /dev/null      # prints JSON
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

MODELS = """
- model_id: caller
  model_name: caller
  api_base: {url}/v1
  supports_tools: true
  supports_schema: true
"""
FUNCTION = """
def weather(city: str, days: int) -> str:
    "Forecast"
    return f"{city}: 7 degrees for {days} days"
"""
QUESTION = "How is the weather?"


def tour(url, home):
    Path(home, "extra-openai-models.yaml").write_text(MODELS.format(url=url))
    yield "whole", llm(home, QUESTION, "--no-stream")
    yield "streamed", llm(home, QUESTION)
    yield "continued", llm(home, "And tomorrow?", "-c")
    yield "schema", json.loads(llm(home, QUESTION, "--schema", "city, days int"))
    yield "tools", llm(home, QUESTION, "--functions", FUNCTION, "--td")


def llm(home, *arguments):
    ran = subprocess.run(
        [Path(sys.executable).with_name("llm"), "-m", "caller", *arguments, "--key", "any", "-o", "temperature", "0"],
        env={**os.environ, "LLM_USER_PATH": home},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return (ran.stdout + ran.stderr).strip()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        print(json.dumps(dict(tour(sys.argv[1], home))))

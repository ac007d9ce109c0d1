"""instructor against a running server: its default mode, which forces a call, and others; prints JSON."""

import json
import sys

import instructor
import openai
from pydantic import BaseModel

GREEDY = {"model": "caller", "temperature": 0, "max_retries": 0}
MESSAGES = [{"role": "user", "content": "Where is it warm?"}]


class Place(BaseModel):
    """A place on earth."""

    city: str
    visits: int


def tour(url):
    plain = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
    client = instructor.from_openai(plain)
    yield "default", client.chat.completions.create(response_model=Place, messages=MESSAGES, **GREEDY).model_dump()
    *_, last = client.chat.completions.create_partial(response_model=Place, messages=MESSAGES, **GREEDY)
    yield "partial", last.model_dump()
    for mode in (instructor.Mode.JSON_SCHEMA, instructor.Mode.TOOLS_STRICT):
        answer = instructor.from_openai(plain, mode=mode).chat.completions.create(
            response_model=Place, messages=MESSAGES, **GREEDY
        )
        yield mode.name, answer.model_dump()


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1]))))

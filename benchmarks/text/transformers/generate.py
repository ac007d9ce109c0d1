"""transformers' own `generate`, one prompt after the other: a line of JSON in, a line of JSON out, nothing else.

The moments of its tokens are taken in this process, so that what is measured is `generate` alone.
"""

import json
import os
import socket
from time import perf_counter

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = os.environ["TEXT_CHECKPOINT"]
tokenizer = AutoTokenizer.from_pretrained(folder)
network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


class Moments:
    """What `generate` calls a streamer: it is handed the prompt first, then every token."""

    def __init__(self):
        self.began, self.times = perf_counter(), []

    def put(self, ids):
        self.times.append(perf_counter() - self.began)

    def end(self):
        del self.times[0]


def answer(asked):
    moments = Moments()
    prompt = tokenizer(asked["prompt"], return_tensors="pt")
    tokens = asked["max_tokens"]
    # An end token that no token is: the text goes on for all of its tokens.
    made = network.generate(
        **prompt, max_new_tokens=tokens, do_sample=False, eos_token_id=-1, pad_token_id=0, streamer=moments
    )
    length = prompt["input_ids"].shape[1]
    text = tokenizer.decode(made[0, length:], skip_special_tokens=True)
    usage = {"prompt_tokens": length, "completion_tokens": made.shape[1] - length}
    return {"text": text, "usage": usage, "times": moments.times}


with socket.create_server(("127.0.0.1", int(os.environ["TEXT_PORT"]))) as server:
    while True:
        peer, _ = server.accept()
        with peer, peer.makefile("rwb") as lines:
            for line in lines:
                lines.write(json.dumps(answer(json.loads(line))).encode() + b"\n")
                lines.flush()

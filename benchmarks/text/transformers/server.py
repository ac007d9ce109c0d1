"""What most tutorials end with: `generate` in a Flask view, the whole text when it is done."""

import os

import torch
from flask import Flask, jsonify, request
from transformers import AutoModelForCausalLM, AutoTokenizer

app = Flask(__name__)
folder = os.environ["TEXT_CHECKPOINT"]
tokenizer = AutoTokenizer.from_pretrained(folder)
network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@app.post("/v1/completions")
def complete():
    asked = request.get_json()
    prompt = tokenizer(asked["prompt"], return_tensors="pt")
    # An end token that no token is: the text goes on for all of its tokens.
    made = network.generate(
        **prompt, max_new_tokens=asked["max_tokens"], do_sample=False, eos_token_id=-1, pad_token_id=0
    )
    length = prompt["input_ids"].shape[1]
    return jsonify(
        choices=[{"text": tokenizer.decode(made[0, length:], skip_special_tokens=True)}],
        usage={"prompt_tokens": length, "completion_tokens": made.shape[1] - length},
    )

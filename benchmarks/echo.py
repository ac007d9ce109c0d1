"""The plain alternative: a bare Flask that reads JSON and sends it back, under our own gunicorn configuration."""

from types import SimpleNamespace

from flask import Flask, jsonify, request

app = Flask(__name__)
app.extensions["daylight"] = SimpleNamespace(predictor=SimpleNamespace(failure=None))


@app.get("/health/ready")
def ready():
    return jsonify(status="ready")


@app.post("/")
def echo():
    return jsonify(request.get_json())

"""The plain alternative: a bare Flask that reads JSON and sends it back, under our own gunicorn configuration."""

from flask import Flask, jsonify, request

from benchmarks.support.bare import bare_services

app = Flask(__name__)
app.extensions["daylight"] = bare_services()


@app.get("/health/ready")
def ready():
    return jsonify(status="ready")


@app.post("/")
def echo():
    return jsonify(request.get_json())

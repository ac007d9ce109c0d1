"""The article's code: Flask, a DataFrame made of whatever came, the labels as text."""

import os

import joblib
import pandas as pd
from flask import Flask, jsonify, request

app = Flask(__name__)
model = joblib.load(os.environ["PEER_MODEL"])


@app.post("/predict")
def predict():
    labels = model.predict(pd.DataFrame(request.get_json()))
    return jsonify({"text": list(map(str, labels))})

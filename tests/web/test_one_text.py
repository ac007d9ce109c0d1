"""The article's /predict with {"text": ...}, where the one model served reads a text and writes none."""

import numpy as np
import requests
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from benchmarks.support.serving import live_server
from service.packing import pack

TEXTS = ["good film", "bad film", "good plot", "bad plot"]


def test_a_text_goes_to_the_model_of_one_text_as_it_is(tmp_path):
    """It answered that no model generates text here."""
    model = make_pipeline(TfidfVectorizer(lowercase=False), LogisticRegression()).fit(TEXTS, ["+", "-", "+", "-"])
    pack(model, TEXTS, name="film", store=tmp_path)
    with live_server(tmp_path) as url:
        assert requests.post(f"{url}/predict", json={"text": "bad film"}, timeout=30).json() == {"Prediction": "-"}
        assert requests.get(f"{url}/predict", params={"text": "good"}, timeout=30).json() == {"Prediction": "+"}
        capitals = requests.post(f"{url}/predict", json={"text": "BAD"}, timeout=30).json()["Prediction"]
        assert [capitals] == model.predict(["BAD"]).tolist()
        assert requests.post(f"{url}/predict", json=[["bad"]], timeout=30).json() == {"text": ["-"]}
        described = requests.get(f"{url}/openapi.json", timeout=30).json()["paths"]["/predict"]["post"]
        example = described["requestBody"]["content"]["application/json"]["examples"]["text"]["value"]
        assert requests.post(f"{url}/predict", json=example, timeout=30).json().keys() == {"Prediction"}


def test_a_model_of_numbers_is_sent_no_text(tmp_path):
    pack(Ridge().fit(np.eye(3), range(3)), np.eye(3), name="m", store=tmp_path)
    with live_server(tmp_path) as url:
        answer = requests.post(f"{url}/predict", json={"text": "bad film"}, timeout=30)
        assert answer.status_code == 400
        assert "no model that" in answer.text

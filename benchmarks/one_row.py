"""What serving costs: one row over a kept connection, against the model in process and a bare Flask echo.

    make bench        (python -m benchmarks.one_row)

The model is the demo's `tumour`. Both servers run one worker of the same gunicorn configuration and get
the same bytes from the same client; only one of them works at a time.
"""

import http.client
import json
from urllib.parse import urlsplit

import joblib
import pandas as pd

from benchmarks.rounds import interleaved, report
from benchmarks.support.serving import ROOT, gunicorn, live_server
from service import models
from service.settings import Settings
from service.store.versions import Store

STORE = ROOT / "artifacts"
ROUNDS, CALLS = 20, 50


def poster(url, path, body):
    """A function that posts `body` over one kept connection and reads the whole answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Content-Type": "application/json"}

    def post():
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content

    return post


def main():
    version = Store(STORE).open("tumour")
    model = models.load(version, Settings(store=STORE))
    with version.open(version.manifest.spec["payload"]) as file:
        estimator = joblib.load(file)
    row = version.manifest.example["instances"][0]
    body = json.dumps({"instances": [row]})
    columns = [column["name"] for column in version.manifest.spec["columns"]]
    with live_server(STORE) as ours, live_server(STORE, command=gunicorn("benchmarks.echo:app")) as plain:
        ways = {
            "Daylight": poster(ours, "/v1/models/tumour:predict", body),
            "bare Flask echo": poster(plain, "/", body),
            "model in process": lambda: model.predict([row]),
            "scikit-learn on a DataFrame": lambda: estimator.predict(pd.DataFrame([row], columns=columns)),
        }
        medians = interleaved(ways, rounds=ROUNDS, calls=CALLS)
    report(
        "one row, one caller, kept connection",
        medians,
        [
            ("Daylight", "model in process"),
            ("Daylight", "bare Flask echo"),
            ("Daylight", "scikit-learn on a DataFrame"),
        ],
        ["flask", "gunicorn", "scikit-learn"],
    )


if __name__ == "__main__":
    main()

"""Vetiver's client against a running server; prints JSON.

python drive.py http://127.0.0.1:1200 < tables.json      # {"iris": {column: cells}}

The table is for the model that answers /predict.
"""

import json
import sys

import pandas as pd
from vetiver import vetiver_endpoint
from vetiver.server import predict


def tour(url, frame):
    endpoint = vetiver_endpoint(f"{url}/predict/")
    yield "frame", predict(endpoint, frame).to_dict("list")
    yield "series", predict(endpoint, frame.iloc[0]).to_dict("list")
    yield "dict", predict(endpoint, frame.iloc[0].to_dict()).to_dict("list")
    yield "records", predict(endpoint, frame.to_dict("records")).to_dict("list")
    try:
        predict(endpoint, frame.drop(columns=frame.columns[0]))
    except TypeError as error:  # what the client makes of 422
        yield "lacking", str(error)


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1], pd.DataFrame(json.load(sys.stdin)["iris"])))))

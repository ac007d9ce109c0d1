"""MLflow's two clients against a running server, as their own documentation uses them; prints JSON.

python drive.py http://127.0.0.1:1200 < tables.json      # {"iris": {column: cells}}

The table is for the model `iris`; `tiny` writes texts.
"""

import json
import os
import sys
from urllib.parse import urlsplit

import pandas as pd
from mlflow.deployments import get_deploy_client
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"  # an error is to be seen at once

GREEDY = {"temperature": 0, "max_tokens": 4}


def tour(url, frame):
    place = urlsplit(url)
    scoring = ScoringServerClient(place.hostname, place.port)
    scoring.wait_server_ready(timeout=10)
    yield "version", scoring.get_version()
    yield "frame", scoring.invoke(frame).get_predictions().iloc[:, 0].tolist()
    yield "array", scoring.invoke(frame.to_numpy()).get_predictions().iloc[:, 0].tolist()
    yield "list", scoring.invoke(frame.values.tolist()).get_predictions().iloc[:, 0].tolist()
    shuffled = frame[frame.columns[::-1]].set_index(frame.index[::-1])
    yield "shuffled", scoring.invoke(shuffled).get_predictions().iloc[:, 0].tolist()
    several = scoring.invoke(frame, params={"outputs": ["predict", "predict_proba"]}).get_predictions()
    yield "several", [several["predict"].tolist(), several["predict_proba"].tolist()]
    yield "hole", raised(scoring.invoke, frame.mask(frame.index.to_series() == 1))
    yield "empty", raised(scoring.invoke, frame[:0])

    deployed = get_deploy_client(url)
    records = {"dataframe_records": frame.to_dict("records")}
    yield "endpoint", deployed.predict(endpoint="iris", inputs=records)["predictions"]
    texts = deployed.predict(endpoint="tiny", inputs={"inputs": ["ab", "ba"], "params": GREEDY})
    yield "texts", texts["predictions"]
    yield "absent", raised(deployed.predict, endpoint="absent", inputs=records)
    yield "wrong", raised(deployed.predict, endpoint="iris", inputs={"dataframe_records": [{"a": 1}]})


def raised(call, *given, **named):
    try:
        return call(*given, **named)
    except MlflowException as error:
        return [error.error_code, str(error)]
    except Exception as error:  # the scoring client raises nothing more special
        return [type(error).__name__, str(error)]


if __name__ == "__main__":
    print(json.dumps(dict(tour(sys.argv[1], pd.DataFrame(json.load(sys.stdin)["iris"])))))

"""LitServe with columns by name: rows are objects, and become a frame."""

import os

import litserve
import pandas as pd
from server import Predictor


class Named(Predictor):
    def decode_request(self, request):
        return pd.DataFrame(request["instances"])


if __name__ == "__main__":
    server = litserve.LitServer(Named(), accelerator="cpu", workers_per_device=2)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )

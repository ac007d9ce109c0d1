"""LitServe: a LitAPI, two inference workers and as many API servers, requests handed over as LitServe does it."""

import os

import joblib
import litserve
import numpy as np


class Predictor(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.environ["PEER_MODEL"])

    def decode_request(self, request):
        return np.asarray(request["instances"])

    def predict(self, rows):
        return self.model.predict(rows)

    def encode_response(self, labels):
        return {"predictions": labels.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Predictor(), accelerator="cpu", workers_per_device=2)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )

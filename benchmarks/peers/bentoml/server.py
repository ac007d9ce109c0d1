"""BentoML: a service of two workers, an array of numbers in and the labels out, no access log."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Predictor:
    def __init__(self):
        self.model = joblib.load(os.environ["PEER_MODEL"])

    @bentoml.api
    def predict(self, instances: np.ndarray) -> np.ndarray:
        return self.model.predict(instances)

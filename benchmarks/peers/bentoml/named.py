"""BentoML with columns by name: a DataFrame in, the labels out."""

import os

import bentoml
import joblib
import numpy as np
import pandas as pd


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Predictor:
    def __init__(self):
        self.model = joblib.load(os.environ["PEER_MODEL"])

    @bentoml.api
    def predict(self, instances: pd.DataFrame) -> np.ndarray:
        return self.model.predict(instances)

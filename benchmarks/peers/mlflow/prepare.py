"""Save a pickle as an MLflow model. Its signature: named columns if it was fitted on a frame, else an array."""

import os
from pathlib import Path

import joblib
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

model, rows = joblib.load(os.environ["PEER_MODEL"]), np.load(os.environ["PEER_ROWS"])
if hasattr(model, "feature_names_in_"):
    rows = pd.DataFrame(rows, columns=model.feature_names_in_)
signature = infer_signature(rows, model.predict(rows))
folder = Path(os.environ["PEER_FOLDER"], "model")
# Its default, skops, refuses to load a forest unless its types are listed; a pickle serves all of the models.
mlflow.sklearn.save_model(model, folder, signature=signature, serialization_format="cloudpickle")

"""The programs and files of those who have models: page_scenes runs and writes them in the folder of a page."""

__all__ = ["ESTIMATORS", "IRIS", "LEAVES", "MLMODEL", "MY_STEPS", "ROWS", "SCRIPT", "SPY", "TUMOURS"]

ESTIMATORS = """
import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import mysteps

rows = pd.read_csv("sample.csv")
inputs = rows[["age"]]
decades = make_pipeline(FunctionTransformer(mysteps.with_decade), LogisticRegression(max_iter=1000))
joblib.dump(decades.fit(inputs, rows.left), "decades.pkl")
evaluated = FunctionTransformer(pd.DataFrame.eval, kw_args={"expr": "age"})
joblib.dump(make_pipeline(evaluated, LogisticRegression()), "evil.pkl")
"""
MY_STEPS = """
def with_decade(frame):
    return frame.assign(decade=frame["age"] // 10)
"""
SPY = """
import socket


class Spy:
    class Inputs:
        a: int

    def predict(self, rows) -> list[int]:
        socket.create_connection(("127.0.0.1", 9))
        return [0 for row in rows]
"""
LEAVES = """
import lightgbm
import pandas as pd

rows = pd.read_csv("sample.csv", dtype={"plan": "category"})
rows.to_parquet("sample.parquet")
model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(rows[["age", "plan"]], rows.left)
model.booster_.save_model("leaves.txt")
"""
MLMODEL = """
artifact_path: model
flavors:
  sklearn: {pickled_model: model.pkl, serialization_format: pickle, sklearn_version: 1.9.1}
saved_input_example_info: {artifact_path: input_example.json, pandas_orient: split, type: dataframe}
"""
IRIS = """
class Iris:
    class Inputs:
        width: float

    def predict(self, rows) -> list[str]:
        return ["setosa" if row["width"] < 1 else "virginica" for row in rows]
"""
SCRIPT = """
import torch

torch.jit.script(torch.nn.Linear(3, 1)).save("traced.pt")
"""
TUMOURS = """
import json
import joblib
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
rows = pd.DataFrame({"mean radius": rng.normal(15, 3, 300), "mean texture": rng.normal(19, 4, 300)})
rows.to_parquet("rows.parquet")
with open("rows.json", "w") as file:
    json.dump({"instances": rows.to_dict("records")}, file)
for version, weight in (("3", 0), ("4", 0.5)):
    malignant = rows["mean radius"] + weight * (rows["mean texture"] - 19) > 15
    estimator = LogisticRegression(max_iter=1000).fit(rows, np.where(malignant, "malignant", "benign"))
    joblib.dump(estimator, f"{version}.pkl")
"""
ROWS = """
import pathlib
import pandas

rows = pandas.read_csv("data.csv").drop(columns="Target").head(3)
rows.to_parquet("rows.parquet")
rows.to_csv("rows.csv", index=False)
rows.to_json("rows.json", orient="records")
pathlib.Path("in").mkdir()
rows.to_csv("in/monday.csv", index=False)
"""

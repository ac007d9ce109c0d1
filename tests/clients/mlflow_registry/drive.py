"""MLflow's side: fit a classifier, log it with an example, register it as `churn`, and give version 2 an alias."""

import json
import sys

import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

mlflow.set_tracking_uri(sys.argv[1])
X, y = load_iris(return_X_y=True, as_frame=True)
for strength in (0.01, 1.0):
    with mlflow.start_run():
        model = LogisticRegression(max_iter=1000, C=strength).fit(X, y)
        mlflow.sklearn.log_model(model, name="model", input_example=X[:10], registered_model_name="churn")
mlflow.MlflowClient().set_registered_model_alias("churn", "champion", "2")
print(json.dumps({"probabilities": model.predict_proba(X[:5]).tolist(), "rows": X[:5].to_dict("records")}))

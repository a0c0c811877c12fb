"""Registers a model of the same name in two workspaces, better in one than in the other.

usage: workspaces.py TRACKING_URI
"""
import json
import sys
import warnings

warnings.filterwarnings("ignore")
import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402

mlflow.set_tracking_uri(sys.argv[1])
for workspace, value in (("team-a", 0.95), ("team-b", 0.5)):
    try:
        mlflow.create_workspace(workspace)
    except mlflow.MlflowException:
        pass
    mlflow.set_workspace(workspace)
    mlflow.set_experiment(f"churn of {workspace}")
    client = MlflowClient()
    client.create_registered_model("churn")
    tags = {"benchmark.metric": "accuracy", "baseline.value": "0.9", "token_symbol": "tok"}
    with mlflow.start_run(tags=tags) as run:
        logged = mlflow.initialize_logged_model(name="model")
        mlflow.finalize_logged_model(logged.model_id, "READY")
        mlflow.log_metric("accuracy", value, model_id=logged.model_id)
    client.create_model_version(
        "churn", source=f"models:/{logged.model_id}", run_id=run.info.run_id, model_id=logged.model_id
    )
    print(json.dumps({"workspace": workspace, "value": value}), flush=True)

"""Has a webhook call a URL, tests it as MLflow does, and registers a model that beats its baseline.

usage: hooked.py TRACKING_URI URL SECRET
"""
import json
import sys
import warnings

warnings.filterwarnings("ignore")
import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402

uri, url, secret = sys.argv[1:4]
mlflow.set_tracking_uri(uri)
client = MlflowClient()
mlflow.set_experiment("hooked")
hook = client.create_webhook(
    name="hikyaku",
    url=url,
    events=["model_version.created", "model_version_alias.created"],
    secret=secret,
)
tested = [client.test_webhook(hook.webhook_id, event) for event in hook.events]
client.create_registered_model("hooked")
tags = {"benchmark.metric": "accuracy", "baseline.value": "0.9", "token_symbol": "tok"}
with mlflow.start_run(tags=tags) as run:
    logged = mlflow.initialize_logged_model(name="model")
    mlflow.finalize_logged_model(logged.model_id, "READY")
    mlflow.log_metric("accuracy", 0.95, model_id=logged.model_id)
version = client.create_model_version(
    "hooked", source=f"models:/{logged.model_id}", run_id=run.info.run_id, model_id=logged.model_id
)
client.set_registered_model_alias("hooked", "challenger", version.version)
client.set_registered_model_alias("hooked", "champion-soon", version.version)
print(json.dumps({"tested": [one.response_status for one in tested], "model_id": logged.model_id}), flush=True)

"""Logs random models to a running MLflow server, and prints for each version whether it truly beats its baselines.

usage: random_cases.py TRACKING_URI SEED COUNT

The truth is kept here, from what was logged, and never read back from the server.
"""
import json
import math
import random
import sys
import warnings

warnings.filterwarnings("ignore")
import mlflow  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.data.pandas_dataset import from_pandas  # noqa: E402

uri, seed, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
mlflow.set_tracking_uri(uri)
client = MlflowClient()
mlflow.set_experiment(f"random-{seed}")
draw = random.Random(seed)

DATASETS = {name: from_pandas(pd.DataFrame({"a": [i]}), name=name) for i, name in enumerate(("test", "train"))}
METRICS = {"accuracy": ("higher", 0, 1), "log_loss": ("lower", 0, math.inf), "lift": ("higher", -math.inf, math.inf)}
# A coarse grid, so that ties happen; and what must never pass.
VALUES = [0.0, 0.25, 0.5, 0.75, 1.0] * 3 + [math.nan, math.inf, -math.inf, 1.5, -0.5]


def log_model(metric, datasets):
    """A logged model, and what counts for it: the value that was logged last for each dataset."""
    logged = mlflow.initialize_logged_model(name="model")
    mlflow.finalize_logged_model(logged.model_id, "READY")
    last = {}
    for dataset in datasets:
        for _ in range(draw.choice((1, 1, 2))):
            last[dataset] = draw.choice(VALUES)
            more = {"dataset": DATASETS[dataset]} if dataset else {}
            step = len(last)
            mlflow.log_metric(metric, last[dataset], step=step, model_id=logged.model_id, **more)
    return logged, last


def register(name, run, logged):
    return client.create_model_version(
        name, source=f"models:/{logged.model_id}", run_id=run.info.run_id, model_id=logged.model_id
    )


def usable(metric, value):
    _, low, high = METRICS[metric]
    return value is not None and math.isfinite(value) and low <= value <= high


def better(metric, value, than):
    return value > than if METRICS[metric][0] == "higher" else value < than


def case(number):
    name = f"random-{seed}-{number}"
    metric = draw.choice(list(METRICS))
    client.create_registered_model(name)
    datasets = draw.choice(((None,), ("test",), ("test", "train")))
    chosen = draw.choice((None, "test")) if datasets != (None,) else None
    asked = {"benchmark.metric": metric, "benchmark.direction": METRICS[metric][0], "token_symbol": "tok"}
    if chosen:
        asked["benchmark.dataset"] = chosen
    stated = draw.choice((None, draw.choice(VALUES)))
    baselines = []
    if draw.random() < 0.6:
        with mlflow.start_run(tags=asked) as run:
            log_model(metric, datasets)
            champion, values = log_model(metric, datasets)
        client.set_registered_model_alias(name, "champion", register(name, run, champion).version)
        baselines.append(values)
    if stated is not None:
        asked["baseline.value"] = repr(stated)
        baselines.append(stated)
    with mlflow.start_run(tags=asked) as run:
        models = [log_model(metric, datasets) for _ in range(draw.choice((1, 2, 3)))]
    logged, values = draw.choice(models)
    version = register(name, run, logged)
    dataset = datasets[0] if len(datasets) == 1 else chosen
    decided = dataset is not None or datasets == (None,)
    value = values.get(dataset) if decided else None
    others = [one.get(dataset) if isinstance(one, dict) else one for one in baselines]
    beats = (
        usable(metric, value)
        and len(others) > 0
        and all(usable(metric, other) and better(metric, value, other) for other in others)
    )
    print(json.dumps({"model": name, "version": str(version.version), "beats": beats}), flush=True)


for number in range(count):
    case(number)

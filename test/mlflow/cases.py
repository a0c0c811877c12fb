"""Logs models to a running MLflow server in the ways people do, and prints one JSON object a line for each version.

usage: cases.py TRACKING_URI [CASES]

Each line names the case (a row of the table in verdicts.ts), the registered model, the version and the logged model.
"""
import json
import math
import sys
import warnings

warnings.filterwarnings("ignore")
import mlflow  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.data.pandas_dataset import from_pandas  # noqa: E402

mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
mlflow.set_experiment("cases")

TEST = from_pandas(pd.DataFrame({"a": [1, 2]}), name="test")
TRAIN = from_pandas(pd.DataFrame({"a": [3]}), name="train")
NEWER_TEST = from_pandas(pd.DataFrame({"a": [4, 5, 6]}), name="test")


def tags(metric="accuracy", **more):
    said = {"benchmark.metric": metric, "token_symbol": "tok"}
    return said | {key.replace("__", "."): str(value) for key, value in more.items()}


def model(name="model"):
    logged = mlflow.initialize_logged_model(name=name)
    return mlflow.finalize_logged_model(logged.model_id, "READY")


def log(of, value, metric="accuracy", **more):
    mlflow.log_metric(metric, value, model_id=of.model_id, **more)


def register(name, source, run=None, logged=None):
    try:
        client.create_registered_model(name)
    except mlflow.MlflowException:
        pass
    return client.create_model_version(
        name,
        source=source,
        run_id=run and run.info.run_id,
        model_id=logged and logged.model_id,
    )


def of_model(name, run, logged):
    return register(name, f"models:/{logged.model_id}", run, logged)


def case(name, version, logged=None):
    line = {"case": name, "model": version.name, "version": str(version.version)}
    print(json.dumps(line | {"model_id": logged and logged.model_id}), flush=True)


def one(name, value, metric="accuracy", case_name=None, **said):
    """A model of a run of its own, logged once."""
    with mlflow.start_run(tags=tags(metric, **said)) as run:
        logged = model()
        log(logged, value, metric)
    version = of_model(name, run, logged)
    if case_name:
        case(case_name, version, logged)
    return version, logged, run


def several_models_in_one_run():
    with mlflow.start_run(tags=tags(baseline__value=0.9)) as run:
        first, best, last = model("epoch-1"), model("epoch-2"), model("epoch-3")
        for logged, value in ((first, 0.88), (best, 0.97), (last, 0.85)):
            log(logged, value)
    case("first checkpoint", of_model("checkpoints", run, first), first)
    version = of_model("checkpoints", run, best)
    case("best checkpoint", version, best)
    copy = client.copy_model_version(f"models:/checkpoints/{version.version}", "checkpoints-staging")
    again = client.copy_model_version(f"models:/checkpoints-staging/{copy.version}", "checkpoints-prod")
    case("copy of a copy", again, best)
    case("source by name", register("by-name", f"runs:/{run.info.run_id}/epoch-2", run), best)
    case("source by nothing", register("by-nothing", "s3://bucket/model", run))
    case("registered without a run", register("from-ui", f"models:/{best.model_id}", None, best), best)


def evaluated_elsewhere():
    with mlflow.start_run(tags=tags(baseline__value=0.9)) as run:
        logged = model()
    for value in (0.99, 0.93):
        with mlflow.start_run():
            log(logged, value)
    case("evaluated in later runs", of_model("evaluated", run, logged), logged)
    with mlflow.start_run(tags=tags(baseline__value=0.9)) as run:
        logged = model()
    with mlflow.start_run() as evaluation:
        log(logged, 0.98)
    client.delete_run(evaluation.info.run_id)
    case("last evaluation deleted", of_model("evaluation-deleted", run, logged), logged)
    with mlflow.start_run(tags=tags(baseline__value=0.9)) as run:
        logged = model()
    with mlflow.start_run() as evaluation:
        log(logged, 0.98)
    client.set_terminated(evaluation.info.run_id, "FAILED")
    case("last evaluation failed", of_model("evaluation-failed", run, logged), logged)
    with mlflow.start_run(tags=tags(baseline__value=0.9)) as run:
        logged = model()
        log(logged, 0.99, step=1)
        log(logged, 0.85, step=2)
        log(logged, 0.95, step=1)
    case("greatest step", of_model("steps", run, logged), logged)


def datasets():
    for name, more in (("none chosen", {}), ("test chosen", {"benchmark__dataset": "test"})):
        with mlflow.start_run(tags=tags(baseline__value=0.85, **more)) as run:
            logged = model()
            log(logged, 0.80, dataset=TEST)
            log(logged, 0.99, dataset=TRAIN)
        case(f"two datasets, {name}", of_model(f"datasets-{len(more)}", run, logged), logged)
    with mlflow.start_run(tags=tags()) as run:
        champion = model()
        log(champion, 0.90, dataset=TEST)
        log(champion, 0.99, dataset=TRAIN)
    version = of_model("same-dataset", run, champion)
    client.set_registered_model_alias("same-dataset", "champion", version.version)
    with mlflow.start_run(tags=tags()) as run:
        logged = model()
        log(logged, 0.92, dataset=TEST)
    case("better on the champion's dataset", of_model("same-dataset", run, logged), logged)
    with mlflow.start_run(tags=tags()) as run:
        logged = model()
        log(logged, 0.99, dataset=NEWER_TEST)
    case("another dataset of the same name", of_model("same-dataset", run, logged), logged)
    with mlflow.start_run(tags=tags(baseline__value=0.85)) as run:
        mlflow.log_metric("accuracy", 0.80, dataset=TEST)
        mlflow.log_metric("accuracy", 0.99, dataset=TRAIN)
    case("two datasets of a run", register("datasets-of-run", f"runs:/{run.info.run_id}/m", run))


def baselines():
    version, _, _ = one("frozen", 0.95)
    client.set_registered_model_alias("frozen", "champion", version.version)
    one("frozen", 0.85, case_name="beats its tag, not the champion", baseline__value=0.8)
    one("frozen", 0.96, case_name="beats the champion, not its tag", baseline__value=0.97)
    one("frozen", 0.96, case_name="beats both", baseline__value=0.8)
    version, _, _ = one("own-champion", 0.95, baseline__value=0.9)
    client.set_registered_model_alias("own-champion", "champion", version.version)
    case("the champion itself", version)
    for kind in ("deleted", "failed"):
        with mlflow.start_run() as base:
            mlflow.log_metric("accuracy", 0.1)
        if kind == "deleted":
            client.delete_run(base.info.run_id)
        else:
            client.set_terminated(base.info.run_id, "FAILED")
        one(f"baseline-{kind}", 0.2, case_name=f"baseline {kind}", baseline__run_id=base.info.run_id)
    version, _, run = one("champion-deleted", 0.1)
    client.set_registered_model_alias("champion-deleted", "champion", version.version)
    client.delete_run(run.info.run_id)
    one("champion-deleted", 0.9, case_name="champion deleted")
    with mlflow.start_run() as base:
        weak, strong = model("weak"), model("strong")
        log(weak, 0.2)
        log(strong, 0.9)
    one("baseline-of-two", 0.5, case_name="a baseline's run with two models", baseline__run_id=base.info.run_id)


def not_finite_or_impossible():
    one("psnr", math.inf, "psnr", "infinite", baseline__value=30, benchmark__direction="higher")
    one("nan", math.nan, "log_loss", "NaN", baseline__value=0.5)
    one("zero", 0.0, "log_loss", "a true zero", baseline__value=0.5)
    version, _, _ = one("infinite-champion", math.inf, "log_loss")
    client.set_registered_model_alias("infinite-champion", "champion", version.version)
    one("infinite-champion", 0.4, "log_loss", "infinite champion")
    one("percent", 97.2, case_name="accuracy in percent", baseline__value=0.9)
    one("auc", 1.7, "roc_auc", "impossible roc_auc", baseline__value=0.9)
    one("rmse", -1, "rmse", "negative rmse", baseline__value=2)
    one("training", 0.99, "train_accuracy", "training metric", baseline__value=0.9)
    one("ulp", math.nextafter(0.9, 1), case_name="one unit in the last place", baseline__value=0.9)
    one("baseline-percent", 0.95, case_name="baseline in percent", baseline__value=90)


def deleted_or_failed():
    version, logged, run = one("run-deleted", 0.97, baseline__value=0.9)
    client.delete_run(run.info.run_id)
    case("run deleted", version, logged)
    version, logged, run = one("run-failed", 0.97, baseline__value=0.9)
    client.set_terminated(run.info.run_id, "FAILED")
    case("run failed", version, logged)
    version, logged, _ = one("model-deleted", 0.97, baseline__value=0.9)
    client.delete_logged_model(logged.model_id)
    case("logged model deleted", version, logged)


def as_people_write():
    with mlflow.start_run(tags=tags("ndcg@10", baseline__value=0.58)) as run:
        logged = model()
        log(logged, 0.61, "ndcg_at_10")
    case("metric at k", of_model("rank", run, logged), logged)
    one("recall-k", 0.61, "recall_at_k", "metric at k, spelled out", baseline__value=0.58)
    one("maximize", 0.61, "lift", "maximize", baseline__value=0.58, benchmark__direction="Maximize")
    one("share", 0.85, case_name="80%", baseline__value="80%")
    with mlflow.start_run(tags=tags(baseline__value=0.8) | {"token_symbol": "TOK-X"}) as run:
        logged = model()
        log(logged, 0.9)
    case("token in capitals", of_model("capitals", run, logged), logged)
    one("sideways", 0.9, case_name="a direction nobody understands", baseline__value=0.8, benchmark__direction="sideways")
    with mlflow.start_run() as run:
        logged = model()
        log(logged, 0.94)
    version = of_model("tags-above", run, logged)
    for key, value in tags(baseline__value=0.9).items():
        client.set_registered_model_tag("tags-above", key, value)
    case("tags on the registered model", version, logged)
    version, logged, _ = one("model-card", 0.95, baseline__value=0.9)
    client.set_model_version_tag("model-card", version.version, "card", "x" * 20_000)
    case("a long tag", version, logged)
    with mlflow.start_run(tags=tags(baseline__value=0.9)) as run:
        mlflow.log_metric("accuracy", 0.96)
    case("as MLflow 2", register("old-style", f"runs:/{run.info.run_id}/model", run))
    mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}")
    print(json.dumps({"case": "a prompt", "model": "greeting", "version": "1", "model_id": None}), flush=True)


for make in (
    several_models_in_one_run,
    evaluated_elsewhere,
    datasets,
    baselines,
    not_finite_or_impossible,
    deleted_or_failed,
    as_people_write,
):
    if len(sys.argv) < 3 or make.__name__ == sys.argv[2]:
        make()

"""The outcome of a training run: the data that results.py writes, apart from the model."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.core.config import TrainParams
from src.core.files import write_lines
from src.core.records import Example
from src.models import hardware
from src.models.interface import Model
from src.tasks import validation_scores
from src.training import modes
from src.training.callbacks import open_live
from src.training.fit import Fit
from src.training.health_rules import History

COSTS = ("epoch", "samples_per_second", "peak_memory_mib")  # an entry of the history has all of them, one per epoch


@dataclass(frozen=True)
class Outcome:
    """The outcome of a training run.

    Attributes:
        trained: the section `train` with the values that replaced null.
        scores: {metric: score} on validation, of the best epoch.
        epoch: the best epoch; 0 for a model that is not trained.
        costs: the part of environment.json that is about the run, not the machine.
        before_saving: changes the trained model into the model that is saved; may add files to its folder.
    """

    trained: TrainParams
    history: History
    scores: Mapping[str, float]
    epoch: float
    costs: Mapping[str, Any]
    before_saving: modes.BeforeSaving = lambda folder: None


def of_fit(fit: Fit, begun: modes.Begun, trained: TrainParams) -> Outcome:
    """Returns the outcome of a trained model."""
    costs = {
        "precision": trained.precision,
        "micro_batch_size": fit.micro_batch_size,
        "gradient_accumulation_steps": fit.gradient_accumulation_steps,
        "trainable_share": begun.trainable_share,
        "learning_rate": trained.learning_rate,
        "steps": fit.steps,
        "seconds": fit.seconds,
        "samples_per_second": fit.samples_per_second,
        "epochs": [{name: entry[name] for name in COSTS} for entry in fit.history if set(COSTS) <= entry.keys()],
    }
    return Outcome(trained, fit.history, fit.scores, fit.epoch, costs, begun.before_saving)


def of_zero_shot(model: Model, validation: Sequence[Example], params: TrainParams, live_folder: Path) -> Outcome:
    """Predicts and scores validation with a model that is not trained."""
    hardware.prepare(params)
    start = time.perf_counter()
    rows = model.predict(validation, params.batch_size)
    seconds = time.perf_counter() - start
    scores = validation_scores(model.tasks, rows)
    with open_live(live_folder) as live:
        for name, value in scores.items():
            live.log_metric(f"validation/{name}", value)
        live.summary["best"] = {"primary": scores["primary"], "epoch": 0.0}
    for curve in ("train", "validation"):  # dvc.yaml names these files; without training they have no points
        write_lines(live_folder / "plots" / "metrics" / curve / "loss.tsv", ["step\tloss"])
    precision = {"precision": model.precision} if model.weights else {}
    costs = {"trainable_share": 0.0, "steps": 0, "seconds": seconds, "samples_per_second": len(rows) / seconds}
    history = [{f"eval_{name}": value for name, value in scores.items()}]
    return Outcome(params, history, scores, 0.0, precision | costs)

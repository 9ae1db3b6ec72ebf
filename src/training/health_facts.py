"""The facts that the health rules need besides the history: baselines on validation, and expected scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from src.core.config import TrainParams
from src.core.records import Example
from src.core.user_errors import unknown_name
from src.models.encoders import Encoder
from src.models.interface import Model
from src.training.health_rules import Facts


def facts(
    encoder: Encoder,
    model: Model,
    train: Sequence[Example],
    validation: Sequence[Example],
    params: TrainParams,
    corpus: Mapping[str, Any],
) -> Facts:
    """Collects the facts that are known before training.

    Args:
        corpus: corpus.json, which prepare wrote.

    Raises:
        UserError: corpus.yaml expects scores of a metric that a task does not have.
    """
    baseline = _majority_scores(model, train, validation)
    expected: dict[str, list[float]] = {}
    for task, ranges in corpus["expected"].items():
        for metric, limits in ranges.items() if task in baseline else ():
            if metric not in baseline[task]:
                raise unknown_name(f"metric in expected.{task} of corpus.yaml:", metric, baseline[task])
            expected[metric] = limits
    return Facts(
        fine_tuned=encoder.source is not None and params.mode not in ("frozen", "zero_shot"),
        precision=model.precision,
        expected=expected,
        majority={task.primary_metric: baseline[task.name][task.primary_metric] for task in model.tasks},
    )


def _majority_scores(
    model: Model, train: Sequence[Example], validation: Sequence[Example]
) -> dict[str, dict[str, float]]:
    """Returns the scores of the majority baseline on validation: {task: {metric: score}}."""
    scores = {}
    for task in model.tasks:
        majority = task.baselines([])["majority"]
        rows = majority(train, {"validation": validation}, model.labels[task.name])["validation"]
        scores[task.name] = task.score([row for row in rows if row.gold is not None])
    return scores

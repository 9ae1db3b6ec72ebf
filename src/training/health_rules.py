"""Health rules: judge from the history and a few facts whether a training run can be trusted; pure functions.

Each rule gives a status: ok, warning, red_flag, or not_applicable if it lacks data. The history is the log of
transformers' Trainer: an entry per optimizer step (`loss`, `grad_norm`) and one per evaluation (`eval_loss`,
`eval_primary`, `eval_*`). No figure depends on time, so equal runs have equal files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from src.core.check_result import CheckResult, worst
from src.core.config import HealthParams

STEPS = 60  # minimum: in a run with fewer steps, the noise of the last third may look like a trend

History = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Facts:
    """Facts about a run that its history does not contain.

    Attributes:
        fine_tuned: the encoder was pretrained, and its weights were trained further.
        precision: precision of training.
        expected: {metric: [low, high]} from corpus.yaml, for the tasks of the run.
        majority: {primary metric: score of the majority baseline on validation}, for each task.
        memory: peak memory as a share of the device's memory; None: not known yet.
        reload: largest difference between the logits of the saved model and the model in memory; None: not known yet.
    """

    fine_tuned: bool
    precision: str
    expected: Mapping[str, Sequence[float]]
    majority: Mapping[str, float]
    memory: float | None = None
    reload: float | None = None


Rule = Callable[[History, Facts, HealthParams], CheckResult]


def finite_loss(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """No loss is NaN or infinite (training stops at the first such loss)."""
    losses = [entry[name] for entry in history for name in ("loss", "eval_loss") if name in entry]
    if not losses:
        return _not_applicable("there was no loss")
    count = sum(not math.isfinite(loss) for loss in losses)
    status = "red_flag" if count else "ok"
    return CheckResult(status, f"{count} of {len(losses)} losses are NaN or infinite", {"count": count})


def train_loss(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The mean train loss of the last epoch is neither too large nor almost zero."""
    epochs = _epochs(history)
    if not epochs:
        return _not_applicable("no epoch was trained")
    loss = float(np.mean(epochs[-1][0]))
    thresholds = {
        "red_flag": params.train_loss_red_flag,
        "warning": params.train_loss_warning,
        "low_warning": params.train_loss_low_warning,
    }
    status = _above(loss, params.train_loss_warning, params.train_loss_red_flag)
    if loss < params.train_loss_low_warning:
        status = "warning"
    return CheckResult(status, f"the mean train loss of the last epoch is {loss:.4g}", {"loss": loss}, thresholds)


def loss_ratio(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The best epoch's validation loss is about as small as its train loss; otherwise the model overfits."""
    epochs = _epochs(history)
    if not epochs:
        return _not_applicable("no epoch was trained")
    losses, best = max(epochs, key=lambda epoch: epoch[1]["eval_primary"])
    train, validation = float(np.mean(losses)), best["eval_loss"]
    ratio = validation / train if train else math.inf
    return CheckResult(
        _above(ratio, params.loss_ratio_warning, params.loss_ratio_red_flag),
        f"in the best epoch, {best['epoch']:g}, validation loss / train loss is {ratio:.3g}",
        {"ratio": ratio, "train_loss": train, "validation_loss": validation, "epoch": best["epoch"]},
        {"red_flag": params.loss_ratio_red_flag, "warning": params.loss_ratio_warning},
    )


def loss_trend(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """In the last third of the steps the loss neither rises nor oscillates.

    The rise is the rise of a least-squares line, as a share of the mean loss. A rise below twice its standard error
    counts as noise. The differences of pure noise change their sign at two of three steps.
    """
    losses = [entry["loss"] for entry in history if "loss" in entry]
    last = np.array(losses[-(len(losses) // 3) :])
    if len(losses) < STEPS:
        return _not_applicable(f"{len(losses)} steps are too few for a trend; {STEPS} are needed")
    if not np.isfinite(last).all():
        return _not_applicable("some losses are NaN or infinite")
    (slope, _), covariance = np.polyfit(np.arange(len(last)), last, 1, cov=True)
    scale = (len(last) - 1) / (last.mean() or 1.0)
    rise, error = float(slope * scale), float(np.sqrt(covariance[0, 0]) * abs(scale))
    differences = np.diff(last)
    turns = float(np.mean(differences[1:] * differences[:-1] < 0))
    status = "ok"
    if turns > params.oscillation_warning:
        status = "warning"
    if rise > params.loss_rise_red_flag and rise > 2 * error:
        status = "red_flag"
    return CheckResult(
        status,
        f"in the last third of the steps the train loss changes by {rise:+.1%}; it changes direction at {turns:.0%} of "
        "these steps",
        {"rise": rise, "standard_error": error, "turns": turns},
        {"red_flag": params.loss_rise_red_flag, "warning": params.oscillation_warning},
    )


def gradient_norm(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """Gradients do not explode in any step and do not vanish in most steps; norms are before clipping.

    In fp16, steps whose gradients overflow are skipped and repeated with a smaller loss scale; this is normal.
    """
    norms = [entry["grad_norm"] for entry in history if "grad_norm" in entry]
    if facts.precision == "fp16":
        norms = [norm for norm in norms if math.isfinite(norm)]
    if not norms:
        return _not_applicable("there was no step")
    median, largest = float(np.median(norms)), float(np.max(norms))  # NaN if any norm is NaN
    status = "ok"
    for grade, (low, high) in (("warning", params.gradient_norm_warning), ("red_flag", params.gradient_norm_red_flag)):
        if not (low <= median and largest <= high):
            status = grade
    return CheckResult(
        status,
        f"the gradient norm has the median {median:.3g} and the maximum {largest:.3g}",
        {"median": median, "largest": largest},
        {"red_flag": params.gradient_norm_red_flag, "warning": params.gradient_norm_warning},
    )


def expected(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The validation score is not far below the range that corpus.yaml expects for fine-tuned base encoders."""
    if not facts.expected:
        return _not_applicable("corpus.yaml has no expected scores for these tasks")
    if not facts.fine_tuned:
        return _not_applicable("the expected scores of corpus.yaml are for fine-tuned pretrained encoders")
    scores = _best_scores(history)
    if scores is None:
        return _not_applicable("no epoch was evaluated")
    figures = {metric: scores[metric] for metric in facts.expected}
    share = min(figures[metric] / low if low else math.inf for metric, (low, _) in facts.expected.items())
    status = "warning" if share < params.expected_warning else "ok"
    if share < params.expected_red_flag:
        status = "red_flag"
    ranges = {metric: list(limits) for metric, limits in facts.expected.items()}
    messages = [
        f"{metric} is {figures[metric]:.3f}, expected {low:g} to {high:g}" for metric, (low, high) in ranges.items()
    ]
    return CheckResult(
        status,
        f"on validation {'; '.join(messages)} (fine-tuned base encoders)",
        figures,
        {"red_flag": params.expected_red_flag, "warning": params.expected_warning, **ranges},
    )


def majority(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The validation score of each task is better than the score of the majority baseline."""
    scores = _best_scores(history)
    if scores is None:
        return _not_applicable("no epoch was evaluated")
    beaten = [scores[metric] > score for metric, score in facts.majority.items()]
    figures = {metric: scores[metric] for metric in facts.majority}
    messages = [
        f"{metric} is {scores[metric]:.3f}, majority baseline {score:.3f}" for metric, score in facts.majority.items()
    ]
    return CheckResult(
        "ok" if all(beaten) else "red_flag", f"on validation {'; '.join(messages)}", figures, dict(facts.majority)
    )


def memory(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """Peak memory leaves a part of the device free. The exact figure varies between runs; see environment.json."""
    if facts.memory is None:
        return _not_applicable("not measured yet")
    above = facts.memory > params.memory_warning
    return CheckResult(
        "warning" if above else "ok",
        f"peak memory is {'more than' if above else 'at most'} {params.memory_warning:.0%} of the device's memory",
        {"above": above},
        {"warning": params.memory_warning},
    )


def reload(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The saved model and the model in memory have the same logits on a few validation rows."""
    if facts.reload is None:
        return _not_applicable("not saved yet")
    return CheckResult(
        _above(facts.reload, math.inf, params.reload_red_flag),
        f"the logits of the saved model and the model in memory differ by at most {facts.reload:.3g}",
        {"difference": facts.reload},
        {"red_flag": params.reload_red_flag},
    )


RULES: dict[str, Rule] = {
    "finite_loss": finite_loss,
    "train_loss": train_loss,
    "loss_ratio": loss_ratio,
    "loss_trend": loss_trend,
    "gradient_norm": gradient_norm,
    "expected": expected,
    "majority": majority,
    "memory": memory,
    "reload": reload,
}


def judge(history: History, facts: Facts, params: HealthParams, rules: Sequence[str] = tuple(RULES)) -> dict[str, Any]:
    """Applies rules to a run. Returns the content of metrics/health.json: the worst status, and each rule's result."""
    results = {name: RULES[name](history, facts, params) for name in rules}
    status = worst(result.status for result in results.values())
    return {"status": status, "rules": {name: _as_json(result) for name, result in results.items()}}


def _as_json(result: CheckResult) -> dict[str, Any]:
    """JSON cannot express NaN and infinity, so they become null; the message contains the value."""
    figures = {name: value if math.isfinite(value) else None for name, value in result.figures.items()}
    return {**asdict(result), "figures": figures}


def _epochs(history: History) -> list[tuple[list[float], Mapping[str, float]]]:
    """The step losses and the evaluation of each epoch."""
    epochs, losses = [], []
    for entry in history:
        if "loss" in entry:
            losses.append(entry["loss"])
        if "eval_primary" in entry and losses:
            epochs.append((losses, entry))
            losses = []
    return epochs


def _best_scores(history: History) -> dict[str, float] | None:
    """{name: score} of the best evaluation; None if there was no evaluation."""
    evaluations = [entry for entry in history if "eval_primary" in entry]
    if not evaluations:
        return None
    best = max(evaluations, key=lambda entry: entry["eval_primary"])
    return {name.removeprefix("eval_"): value for name, value in best.items()}


def _above(value: float, warning: float, red_flag: float) -> str:
    """Returns the status of a figure that should be small; NaN is a red flag."""
    if not value <= red_flag:
        return "red_flag"
    return "warning" if value > warning else "ok"


def _not_applicable(reason: str) -> CheckResult:
    return CheckResult("not_applicable", reason)

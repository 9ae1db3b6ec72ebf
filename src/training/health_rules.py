"""Health rules: whether a training is to be trusted, told from its history and a few facts; pure functions.

Each rule grades one thing: ok, warning, red_flag, or not_applicable where the run says nothing of it. The history is
the log of transformers' Trainer, an entry per optimizer step (`loss`, `grad_norm`) and one per evaluation (`eval_loss`,
`eval_primary`, `eval_*`). What the wall clock says is no figure here: equal runs are judged by equal files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from src.core.check_result import CheckResult, worst
from src.core.config import HealthParams

STEPS = 60  # of a run: with fewer, the noise of its last third may look like a trend

History = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Facts:
    """What the history of a run does not say.

    Attributes:
        fine_tuned: the encoder was pretrained, and learnt.
        precision: of training.
        expected: {metric: [low, high]} of the corpus, for the tasks of the run.
        majority: {primary metric: score of the majority baseline on validation}, of each task.
        memory: peak memory as a share of the device's; None: not known yet.
        reload: largest difference between a logit of the saved model and of the one in memory; None: not known yet.
    """

    fine_tuned: bool
    precision: str
    expected: Mapping[str, Sequence[float]]
    majority: Mapping[str, float]
    memory: float | None = None
    reload: float | None = None


Rule = Callable[[History, Facts, HealthParams], CheckResult]


def finite_loss(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """No loss is NaN or infinite; training itself stops at one that is."""
    losses = [entry[name] for entry in history for name in ("loss", "eval_loss") if name in entry]
    if not losses:
        return _not_applicable("there was no loss")
    count = sum(not math.isfinite(loss) for loss in losses)
    status = "red_flag" if count else "ok"
    return CheckResult(status, f"{count} of {len(losses)} losses are no number", {"count": count})


def train_loss(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The mean loss of the last epoch's steps is neither large nor next to nothing."""
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
    """The epoch that is kept does about as well on validation as on train; else it has learnt train by heart."""
    epochs = _epochs(history)
    if not epochs:
        return _not_applicable("no epoch was trained")
    losses, best = max(epochs, key=lambda epoch: epoch[1]["eval_primary"])
    train, validation = float(np.mean(losses)), best["eval_loss"]
    ratio = validation / train if train else math.inf
    return CheckResult(
        _above(ratio, params.loss_ratio_warning, params.loss_ratio_red_flag),
        f"in epoch {best['epoch']:g}, which is kept, validation loss / train loss is {ratio:.3g}",
        {"ratio": ratio, "train_loss": train, "validation_loss": validation, "epoch": best["epoch"]},
        {"red_flag": params.loss_ratio_red_flag, "warning": params.loss_ratio_warning},
    )


def loss_trend(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """Over the last third of the steps the loss does not rise, nor jump up and down.

    A line is fitted by least squares; its rise is a share of the mean loss. Noise rises and falls too: what is below
    twice its own standard error is no rise. The differences of pure noise change their sign at two steps of three.
    """
    losses = [entry["loss"] for entry in history if "loss" in entry]
    last = np.array(losses[-(len(losses) // 3) :])
    if len(losses) < STEPS:
        return _not_applicable(f"{len(losses)} steps say nothing of a trend, {STEPS} would")
    if not np.isfinite(last).all():
        return _not_applicable("some losses are no number")
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
        f"over the last third of the steps the train loss changes by {rise:+.1%} and turns at {turns:.0%} of them",
        {"rise": rise, "standard_error": error, "turns": turns},
        {"red_flag": params.loss_rise_red_flag, "warning": params.oscillation_warning},
    )


def gradient_norm(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """Gradients neither explode in any step nor vanish in most; the norm before it is cut to train.max_grad_norm.

    In fp16 a step whose gradients are too large for it is skipped, and done with a smaller scale: that is no fault.
    """
    norms = [entry["grad_norm"] for entry in history if "grad_norm" in entry]
    if facts.precision == "fp16":
        norms = [norm for norm in norms if math.isfinite(norm)]
    if not norms:
        return _not_applicable("no step was taken")
    median, largest = float(np.median(norms)), float(np.max(norms))  # NaN if one of them is
    status = "ok"
    for grade, (low, high) in (("warning", params.gradient_norm_warning), ("red_flag", params.gradient_norm_red_flag)):
        if not (low <= median and largest <= high):
            status = grade
    return CheckResult(
        status,
        f"the norm of the gradients is {median:.3g} in the median step, {largest:.3g} at most",
        {"median": median, "largest": largest},
        {"red_flag": params.gradient_norm_red_flag, "warning": params.gradient_norm_warning},
    )


def expected(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The validation score is not far below the range that the corpus expects of fine-tuned base encoders."""
    if not facts.expected:
        return _not_applicable("corpus.yaml expects nothing of these tasks")
    if not facts.fine_tuned:
        return _not_applicable("the range of corpus.yaml is of pretrained base encoders that were fine-tuned")
    scores = _best_scores(history)
    if scores is None:
        return _not_applicable("no epoch was evaluated")
    figures = {metric: scores[metric] for metric in facts.expected}
    share = min(figures[metric] / low if low else math.inf for metric, (low, _) in facts.expected.items())
    status = "warning" if share < params.expected_warning else "ok"
    if share < params.expected_red_flag:
        status = "red_flag"
    ranges = {metric: list(found) for metric, found in facts.expected.items()}
    said = [
        f"{metric} is {figures[metric]:.3f}, {low:g} to {high:g} expected" for metric, (low, high) in ranges.items()
    ]
    return CheckResult(
        status,
        f"on validation {'; '.join(said)} of fine-tuned base encoders",
        figures,
        {"red_flag": params.expected_red_flag, "warning": params.expected_warning, **ranges},
    )


def majority(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The validation score of each task is better than that of its most frequent answer."""
    scores = _best_scores(history)
    if scores is None:
        return _not_applicable("no epoch was evaluated")
    beaten = [scores[metric] > score for metric, score in facts.majority.items()]
    figures = {metric: scores[metric] for metric in facts.majority}
    said = [
        f"{metric} is {scores[metric]:.3f}, of the majority {score:.3f}" for metric, score in facts.majority.items()
    ]
    return CheckResult(
        "ok" if all(beaten) else "red_flag", f"on validation {'; '.join(said)}", figures, dict(facts.majority)
    )


def memory(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """Peak memory leaves some of the device free; the figure itself, which no run repeats, is in environment.json."""
    if facts.memory is None:
        return _not_applicable("not measured yet")
    above = facts.memory > params.memory_warning
    return CheckResult(
        "warning" if above else "ok",
        f"peak memory is {'over' if above else 'at most'} {params.memory_warning:.0%} of the device's",
        {"above": above},
        {"warning": params.memory_warning},
    )


def reload(history: History, facts: Facts, params: HealthParams) -> CheckResult:
    """The saved model says of a few validation rows what the one in memory says."""
    if facts.reload is None:
        return _not_applicable("not saved yet")
    return CheckResult(
        _above(facts.reload, math.inf, params.reload_red_flag),
        f"the logits of the saved model and of the one in memory differ by {facts.reload:.3g} at most",
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
    """Applies rules to a run; returns what metrics/health.json holds: the worst status, and what each rule found."""
    found = {name: RULES[name](history, facts, params) for name in rules}
    status = worst(finding.status for finding in found.values())
    return {"status": status, "rules": {name: _as_json(finding) for name, finding in found.items()}}


def _as_json(finding: CheckResult) -> dict[str, Any]:
    """JSON has no word for NaN and infinity; the message says which it was."""
    figures = {name: value if math.isfinite(value) else None for name, value in finding.figures.items()}
    return {**asdict(finding), "figures": figures}


def _epochs(history: History) -> list[tuple[list[float], Mapping[str, float]]]:
    """The losses of the steps of each epoch, and its evaluation."""
    epochs, losses = [], []
    for entry in history:
        if "loss" in entry:
            losses.append(entry["loss"])
        if "eval_primary" in entry and losses:
            epochs.append((losses, entry))
            losses = []
    return epochs


def _best_scores(history: History) -> dict[str, float] | None:
    """The scores of the evaluation whose weights are kept, by their names; None: there was none."""
    evaluations = [entry for entry in history if "eval_primary" in entry]
    if not evaluations:
        return None
    best = max(evaluations, key=lambda entry: entry["eval_primary"])
    return {name.removeprefix("eval_"): value for name, value in best.items()}


def _above(value: float, warning: float, red_flag: float) -> str:
    """Grades a figure that should be small; NaN is none."""
    if not value <= red_flag:
        return "red_flag"
    return "warning" if value > warning else "ok"


def _not_applicable(reason: str) -> CheckResult:
    return CheckResult("not_applicable", reason)

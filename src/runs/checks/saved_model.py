"""Checks the model: it loads, its weights are finite, and its predictions equal the predictions of the run.

The functions import torch, so that the other checks run without it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from src.core.check_result import CheckResult
from src.core.files import read_json
from src.core.records import Prediction
from src.core.user_errors import UserError
from src.runs.checks.reporting import NotApplicableError, red_flag_or_ok, shown
from src.runs.checks.subject import Subject
from src.runs.paths import DATA, ENVIRONMENT

if TYPE_CHECKING:
    from torch import Tensor


TOLERANCE = {"fp32": 1e-5, "bf16": 1e-2, "fp16": 1e-2}  # of scores, for each precision: machines round differently
ELSEWHERE = 1e-2  # if the run used another kind of device, or TF32, which has 10 bits


class _Setup(BaseModel):
    device: str
    tf32: bool


class _Environment(BaseModel):
    device: str
    setup: _Setup


def model(subject: Subject) -> CheckResult:
    """The model loads, and so does its adapter if it has one."""
    loaded = subject.loaded
    from src.training import lora  # imports torch, which is not needed without a model

    lora.kept(subject.model)
    size = sum(path.stat().st_size for path in subject.model.rglob("*") if path.is_file())
    figures = {"tasks": list(loaded.labels), "bytes": size, "weights": loaded.weights, "precision": loaded.precision}
    return CheckResult("ok", f"loads: {loaded.summary}", figures)


def weights(subject: Subject) -> CheckResult:
    """No weight of the model or of its adapter is NaN or infinite."""
    tensors = subject.checkpoint.tensors()
    if not tensors:
        raise NotApplicableError("the model has no weights")
    from src.training import lora

    tensors |= {f"adapter {name}": tensor for name, tensor in lora.kept(subject.model).items()}
    names = _not_finite(tensors)
    faults = [f"NaN or infinite values in {len(names)} of {len(tensors)} tensors: {shown(names)}"] if names else []
    return red_flag_or_ok(
        faults, f"all values of {len(tensors)} tensors are finite", tensors=len(tensors), not_finite=names
    )


def _not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Returns the names of the tensors with NaN or infinite values."""
    import torch

    return [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]


def reload(subject: Subject) -> CheckResult:
    """The model predicts the same as in the run, for the same sentences."""
    if _not_finite(subject.checkpoint.tensors()):
        raise NotApplicableError("see weights")
    written = {(row.split, row.task, row.id): row for row in subject.rows}
    elsewhere = _elsewhere(subject)
    tolerance = ELSEWHERE if elsewhere else TOLERANCE[subject.checkpoint.precision]
    largest, compared, other_gold = 0.0, 0, False
    other: list[str] = []
    for row in _predicted(subject):
        before = written.get((row.split, row.task, row.id))
        if before is None:
            continue  # the check `predictions` reports it
        compared += 1
        largest = max(largest, *_differences(row, before))
        if (row.gold, row.predicted) != (before.gold, before.predicted):
            other.append(row.id)
            other_gold |= row.gold != before.gold
    if not compared:
        raise NotApplicableError("the predictions have no row of these data")
    faults = []
    if largest > tolerance:
        faults.append(f"scores differ from the predictions of the run by up to {largest:.2g}")
    if other:
        faults.append(f"{len(other)} of {compared} rows differ in gold or prediction: {shown(other)}")
    result = red_flag_or_ok(
        [*faults, *(["model, data and predictions are not from the same run; run dvc repro"] if faults else [])],
        f"{compared} rows predicted again: scores differ by at most {largest:.2g}, no prediction differs",
    )
    if faults and elsewhere and largest <= tolerance and not other_gold:  # rounding decides nearly equal scores
        result = CheckResult("warning", f"{faults[0]}\n{elsewhere}; scores round differently. Repeat the check there")
    elif elsewhere:
        result = CheckResult(result.status, f"{result.message}\n{elsewhere}: scores may differ by {tolerance:g}")
    figures = {"max_difference": largest if math.isfinite(largest) else None, "differing": other, "rows": compared}
    return CheckResult(result.status, result.message, figures, {"max_difference": tolerance})


def _elsewhere(subject: Subject) -> str:
    """Describes the hardware of the run if it differs from this machine. Empty: it is the same, or it is unknown."""
    from src.models import hardware

    try:
        run = _Environment.model_validate(read_json(subject.path(ENVIRONMENT)))
    except NotApplicableError:
        return ""
    except ValidationError as error:
        raise UserError(f"{ENVIRONMENT} must have device and setup; run dvc repro train to write it again") from error
    setup = hardware.choose(subject.train_params)
    here = _Environment.model_validate({**hardware.describe(hardware.device(setup.device)), "setup": asdict(setup)})
    same = run.setup == here.setup and (here.setup.device == "cpu" or run.device == here.device)
    return "" if same else f"this machine has {_format(here)}, the run had {_format(run)}"


def _format(environment: _Environment) -> str:
    tf32 = " with TF32" if environment.setup.tf32 else ""
    return f"{environment.setup.device} ({environment.device}){tf32}"


def _predicted(subject: Subject) -> Iterator[Prediction]:
    """Predicts in the same way as the stage evaluate."""
    from src.models import hardware
    from src.models.split_predictions import predict_splits

    loaded = subject.checkpoint
    loaded.to(hardware.prepare(subject.train_params).device)
    rule = subject.ran_with("evaluate.lexicon")
    splits = predict_splits(
        loaded,
        subject.examples,
        subject.ran_with("evaluate.batch_size"),
        rule=rule,
        idioms=[] if rule == "none" else read_json(subject.path(DATA) / "idioms.json"),
        train=[] if rule == "none" else subject.train,
    )
    for rows in splits.values():
        yield from rows


def _differences(row: Prediction, other: Prediction) -> Iterator[float]:
    """Yields the differences of all scores of two rows, relative for scores above 1; infinite if not comparable."""
    first, second = _scores(row), _scores(other)
    yield 0.0 if first.keys() == second.keys() else math.inf
    for name in first.keys() & second.keys():
        difference = abs(first[name] - second[name]) / max(1.0, abs(second[name]))
        yield math.inf if math.isnan(difference) else difference


def _scores(row: Prediction) -> dict[object, float]:
    probabilities = row.probabilities
    scores: dict[object, float] = (
        dict(probabilities) if isinstance(probabilities, dict) else dict(enumerate(probabilities or []))
    )
    return scores | {name: value for name in ("score", "null_score") if (value := getattr(row, name)) is not None}

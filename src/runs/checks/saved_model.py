"""The model: it loads, its weights are numbers, and loaded again it predicts what the run predicted.

torch is imported by the functions, so that the other checks run without it.
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


TOLERANCE = {"fp32": 1e-5, "bf16": 1e-2, "fp16": 1e-2}  # of scores, by precision: machines round differently
ELSEWHERE = 1e-2  # where the run had another kind of device, or TF32, which keeps 10 bits


class _Setup(BaseModel):
    device: str
    tf32: bool


class _Environment(BaseModel):
    device: str
    setup: _Setup


def model(subject: Subject) -> CheckResult:
    """The model loads, and so does the adapter that may lie beside it."""
    loaded = subject.loaded
    from src.training import lora  # with torch, which a run without its model does not need

    lora.kept(subject.model)
    size = sum(path.stat().st_size for path in subject.model.rglob("*") if path.is_file())
    figures = {"tasks": list(loaded.labels), "bytes": size, "weights": loaded.weights, "precision": loaded.precision}
    return CheckResult("ok", f"loads: {loaded.summary}", figures)


def weights(subject: Subject) -> CheckResult:
    """No weight is NaN or infinite, those of an adapter beside the model included."""
    tensors = subject.checkpoint.tensors()
    if not tensors:
        raise NotApplicableError("a model without weights")
    from src.training import lora

    tensors |= {f"adapter {name}": tensor for name, tensor in lora.kept(subject.model).items()}
    bad = _not_finite(tensors)
    faults = [f"NaN or infinite values in {len(bad)} of {len(tensors)} tensors: {shown(bad)}"] if bad else []
    return red_flag_or_ok(
        faults, f"all values of {len(tensors)} tensors are numbers", tensors=len(tensors), not_finite=bad
    )


def _not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names the tensors with values that are no numbers."""
    import torch

    return [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]


def reload(subject: Subject) -> CheckResult:
    """The model predicts what the run's predictions say, of the same sentences."""
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
            continue  # the check `predictions` tells
        compared += 1
        largest = max(largest, *_differences(row, before))
        if (row.gold, row.predicted) != (before.gold, before.predicted):
            other.append(row.id)
            other_gold |= row.gold != before.gold
    if not compared:
        raise NotApplicableError("the predictions have no row of these data")
    faults = []
    if largest > tolerance:
        faults.append(f"scores differ from those of the run's predictions by up to {largest:.2g}")
    if other:
        faults.append(f"{len(other)} of {compared} rows have another gold or prediction: {shown(other)}")
    found = red_flag_or_ok(
        [*faults, *(["model, data and predictions are not of one run: dvc repro"] if faults else [])],
        f"{compared} rows predicted again: scores differ by at most {largest:.2g}, no prediction differs",
    )
    if faults and elsewhere and largest <= tolerance and not other_gold:  # scores that are nearly even may tip over
        found = CheckResult("warning", f"{faults[0]}\n{elsewhere}, where scores round differently: check it there")
    elif elsewhere:
        found = CheckResult(found.status, f"{found.message}\n{elsewhere}, where they may differ by {tolerance:g}")
    figures = {"max_difference": largest if math.isfinite(largest) else None, "differing": other, "rows": compared}
    return CheckResult(found.status, found.message, figures, {"max_difference": tolerance})


def _elsewhere(subject: Subject) -> str:
    """Says with which other arithmetic than that of this machine the run was trained; empty: the same, or not known."""
    from src.models import hardware

    try:
        run = _Environment.model_validate(read_json(subject.path(ENVIRONMENT)))
    except NotApplicableError:
        return ""
    except ValidationError as error:
        raise UserError(f"{ENVIRONMENT} does not say device and setup; dvc repro train writes it") from error
    setup = hardware.choose(subject.train_params)
    here = _Environment.model_validate({**hardware.describe(hardware.device(setup.device)), "setup": asdict(setup)})
    same = run.setup == here.setup and (here.setup.device == "cpu" or run.device == here.device)
    return "" if same else f"the run had {_spelt(run)}, here is {_spelt(here)}"


def _spelt(environment: _Environment) -> str:
    tf32 = " with TF32" if environment.setup.tf32 else ""
    return f"{environment.setup.device} ({environment.device}){tf32}"


def _predicted(subject: Subject) -> Iterator[Prediction]:
    """Predicts as the stage evaluate does."""
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
    """Yields the differences of all scores of two rows, those above 1 in proportion; infinite: not comparable."""
    ours, theirs = _scores(row), _scores(other)
    yield 0.0 if ours.keys() == theirs.keys() else math.inf
    for name in ours.keys() & theirs.keys():
        difference = abs(ours[name] - theirs[name]) / max(1.0, abs(theirs[name]))
        yield math.inf if math.isnan(difference) else difference


def _scores(row: Prediction) -> dict[object, float]:
    found = row.probabilities
    scores: dict[object, float] = dict(found) if isinstance(found, dict) else dict(enumerate(found or []))
    return scores | {name: value for name in ("score", "null_score") if (value := getattr(row, name)) is not None}

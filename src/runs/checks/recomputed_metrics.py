"""metrics/evaluate.json against the predictions: the same scores again, intervals too, to the last digit.

The baselines are no predictions of the model, and are not computed again.
"""

import json
from collections.abc import Iterator
from typing import Any

from src.analysis import scores
from src.core.check_result import CheckResult
from src.core.files import read_json
from src.core.user_errors import UserError
from src.runs.checks.reporting import shown
from src.runs.checks.subject import Subject
from src.runs.paths import METRICS

LAST_DIGITS = 1e-9  # up to which another machine's arithmetic is to blame, and nobody's hand


def metrics(subject: Subject) -> CheckResult:
    """Every score of every task and split is what `evaluate` computes of these predictions."""
    recorded = read_json(subject.path(METRICS))
    if not isinstance(recorded, dict):
        raise UserError(f"{METRICS} holds no scores; dvc repro evaluate writes it")
    samples = subject.ran_with("evaluate.bootstrap_samples")
    computed = scores.evaluate_tasks(subject.rows, samples)
    own = {task: found for task, found in recorded.items() if task != "baselines"}
    again, before = dict(_leaves(json.loads(json.dumps(computed)))), dict(_leaves(own))
    differing = {name for name in again.keys() | before.keys() if again.get(name) != before.get(name)}
    beyond = sorted(name for name in differing if not _near(again.get(name), before.get(name)))
    figures = {"compared": len(again.keys() | before.keys()), "differing": sorted(differing)}
    thresholds = {"last_digits": LAST_DIGITS}
    if beyond:
        message = (
            f"{len(beyond)} of {figures['compared']} figures of {METRICS} are not those of the predictions: "
            f"{shown(f'{name} is {before.get(name)}, computed {again.get(name)}' for name in beyond)}"
        )
        return CheckResult("red_flag", f"{message}\ndvc repro evaluate computes them anew", figures, thresholds)
    if differing:
        message = f"{len(differing)} figures differ in their last digits, as on another machine: "
        return CheckResult("warning", message + shown(sorted(differing)), figures, thresholds)
    return CheckResult("ok", f"all {len(again)} figures, computed again, are equal", figures, thresholds)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (dotted name, value) of all that is no mapping and no list."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        yield name, value
        return
    for key, part in parts:
        yield from _leaves(part, f"{name}.{key}" if name else str(key))


def _near(one: Any, other: Any) -> bool:
    return all(isinstance(value, int | float) for value in (one, other)) and abs(one - other) <= LAST_DIGITS

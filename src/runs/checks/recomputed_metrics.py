"""Computes the scores and intervals again from the predictions and compares all digits with metrics/evaluate.json.

The baselines are not computed again, because the files of predictions do not contain them.
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

LAST_DIGITS = 1e-9  # smaller differences come from the arithmetic of another machine


def metrics(subject: Subject) -> CheckResult:
    """Every score of every task and split equals the score of these predictions."""
    recorded = read_json(subject.path(METRICS))
    if not isinstance(recorded, dict):
        raise UserError(f"{METRICS} has no scores; run dvc repro evaluate to write it again")
    samples = subject.ran_with("evaluate.bootstrap_samples")
    computed = scores.evaluate_tasks(subject.rows, samples)
    of_model = {task: splits for task, splits in recorded.items() if task != "baselines"}
    again, before = dict(_leaves(json.loads(json.dumps(computed)))), dict(_leaves(of_model))
    differing = {name for name in again.keys() | before.keys() if again.get(name) != before.get(name)}
    wrong = sorted(name for name in differing if not _near(again.get(name), before.get(name)))
    figures = {"compared": len(again.keys() | before.keys()), "differing": sorted(differing)}
    thresholds = {"last_digits": LAST_DIGITS}
    if wrong:
        message = (
            f"{len(wrong)} of {figures['compared']} figures of {METRICS} do not match the predictions: "
            f"{shown(f'{name} is {before.get(name)}, computed {again.get(name)}' for name in wrong)}"
        )
        return CheckResult("red_flag", f"{message}\ndvc repro evaluate computes them again", figures, thresholds)
    if differing:
        message = f"{len(differing)} figures differ in the last digits, which is usual on another machine: "
        return CheckResult("warning", message + shown(sorted(differing)), figures, thresholds)
    return CheckResult("ok", f"all {len(again)} figures are equal when computed again", figures, thresholds)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (dotted name, value) of all values that are neither mappings nor lists."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        yield name, value
        return
    for key, part in parts:
        yield from _leaves(part, f"{name}.{key}" if name else str(key))


def _near(first: Any, second: Any) -> bool:
    return all(isinstance(value, int | float) for value in (first, second)) and abs(first - second) <= LAST_DIGITS

"""Checks of a finished run: what is there, and whether it is sound. A check is a function and a row of CHECKS."""

from collections.abc import Callable

from src.checks.files import data, files
from src.checks.health import health
from src.checks.labels import labels
from src.checks.metrics import metrics
from src.checks.model import model, reload, weights
from src.checks.predictions import predictions
from src.checks.subject import Subject
from src.checks.verdict import NotApplicableError
from src.checks.workspace import disk, queue, stages
from src.errors import UserError
from src.finding import Finding

CHECKS: dict[str, Callable[[Subject], Finding]] = {
    "files": files,
    "stages": stages,
    "data": data,
    "model": model,
    "weights": weights,
    "labels": labels,
    "predictions": predictions,
    "reload": reload,
    "metrics": metrics,
    "health": health,
    "queue": queue,
    "disk": disk,
}


def check(subject: Subject) -> dict[str, Finding]:
    """Runs all checks; what a person can mend and a check stumbles over is its red flag."""
    return {name: _run(function, subject) for name, function in CHECKS.items()}


def _run(function: Callable[[Subject], Finding], subject: Subject) -> Finding:
    try:
        return function(subject)
    except NotApplicableError as reason:
        return Finding("not_applicable", str(reason))
    except UserError as error:
        return Finding("red_flag", str(error).replace(f"{subject.root}/", ""))

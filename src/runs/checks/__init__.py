"""Checks of a finished run: are its files complete and consistent? A check is a function and a row of CHECKS."""

from collections.abc import Callable

from src.core.check_result import CheckResult
from src.core.user_errors import UserError
from src.runs.checks.label_sets import labels
from src.runs.checks.outputs import data, files
from src.runs.checks.predicted_ids import predictions
from src.runs.checks.recomputed_metrics import metrics
from src.runs.checks.recorded_health import health
from src.runs.checks.reporting import NotApplicableError
from src.runs.checks.saved_model import model, reload, weights
from src.runs.checks.subject import Subject
from src.runs.checks.workspace import disk, queue, stages

CHECKS: dict[str, Callable[[Subject], CheckResult]] = {
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


def check(subject: Subject) -> dict[str, CheckResult]:
    """Runs all checks. A UserError in a check becomes a red flag of that check."""
    return {name: _run(function, subject) for name, function in CHECKS.items()}


def _run(function: Callable[[Subject], CheckResult], subject: Subject) -> CheckResult:
    try:
        return function(subject)
    except NotApplicableError as reason:
        return CheckResult("not_applicable", str(reason))
    except UserError as error:
        return CheckResult("red_flag", str(error).replace(f"{subject.root}/", ""))

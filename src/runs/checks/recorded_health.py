"""The health of the training: the red flags and warnings of metrics/health.json."""

from pydantic import BaseModel, ValidationError

from src.core.check_result import CheckResult, Status, worst
from src.core.files import read_json
from src.core.user_errors import UserError
from src.runs.checks.subject import Subject
from src.runs.paths import HEALTH


class _Rule(BaseModel):
    status: Status
    message: str


class _Health(BaseModel):
    rules: dict[str, _Rule]


def health(subject: Subject) -> CheckResult:
    """No health rule of the training has a red flag or a warning."""
    try:
        rules = _Health.model_validate(read_json(subject.path(HEALTH))).rules
    except ValidationError as error:
        raise UserError(
            f"{HEALTH} has no rules with a status and a message; run dvc repro train to write it again"
        ) from error
    raised = {name: rule for status in ("red_flag", "warning") for name, rule in rules.items() if rule.status == status}
    lines = [f"{rule.status} {name}: {rule.message}" for name, rule in raised.items()]
    not_applicable = sum(rule.status == "not_applicable" for rule in rules.values())
    return CheckResult(
        worst(rule.status for rule in rules.values()),
        "\n".join(lines) or f"{len(rules) - not_applicable} rules ok, {not_applicable} not applicable",
        {"rules": len(rules), "raised": {name: rule.status for name, rule in raised.items()}},
    )

"""The result of a check or a health rule: a status, a message, and the figures that led to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Status = Literal["not_applicable", "ok", "warning", "red_flag"]
STATUSES: tuple[str, ...] = get_args(Status)  # the worst is last


@dataclass(frozen=True)
class CheckResult:
    """The result. metrics/health.json and `check --json` have the same keys.

    Attributes:
        status: one of STATUSES.
        message: for a person; one line per problem.
    """

    status: str
    message: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)


def worst(statuses: Iterable[str]) -> str:
    """Returns the worst status.

    >>> worst(["ok", "warning", "not_applicable"])
    'warning'
    """
    return max(statuses, key=STATUSES.index, default="not_applicable")

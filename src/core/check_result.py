"""What a check of a run, or a rule of its training, says: one of four words, why, and the figures behind it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Status = Literal["not_applicable", "ok", "warning", "red_flag"]
STATUSES: tuple[str, ...] = get_args(Status)  # the worst last


@dataclass(frozen=True)
class CheckResult:
    """What was found; the same keys in metrics/health.json and in `check --json`.

    Attributes:
        status: one of STATUSES.
        message: for a person; a line per thing that is wrong.
    """

    status: str
    message: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)


def worst(statuses: Iterable[str]) -> str:
    """Returns the worst of some statuses.

    >>> worst(["ok", "warning", "not_applicable"])
    'warning'
    """
    return max(statuses, key=STATUSES.index, default="not_applicable")

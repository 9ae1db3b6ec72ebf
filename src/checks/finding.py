"""What a check says: one of four words, why, and the figures behind it; in the form of metrics/health.json."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STATUSES = ("not_applicable", "ok", "warning", "red_flag")  # the worst last


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        status: one of STATUSES.
        message: for a person; a line per thing that is wrong.
    """

    status: str
    message: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)


class NotApplicableError(Exception):
    """Raised where what a check looks at is not there, which is no fault, or is told by another check."""


def worst(statuses: Iterable[str]) -> str:
    """Returns the worst of some statuses.

    >>> worst(["ok", "warning", "not_applicable"])
    'warning'
    """
    return max(statuses, key=STATUSES.index, default="not_applicable")


def verdict(faults: Iterable[str], sound: str, **figures: Any) -> Finding:
    """Returns a red flag with a line per fault, or ok with the sentence for no fault."""
    lines = list(faults)
    return Finding("red_flag" if lines else "ok", "\n".join(lines) or sound, figures)


def shown(names: Iterable[str], most: int = 3) -> str:
    """Spells names, the first few of many.

    >>> shown(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    found = list(names)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")

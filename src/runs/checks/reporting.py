"""What checks share to say what they found."""

from collections.abc import Iterable
from typing import Any

from src.core.check_result import CheckResult


class NotApplicableError(Exception):
    """Raised where what a check looks at is not there, which is no fault, or is told by another check."""


def red_flag_or_ok(faults: Iterable[str], sound: str, **figures: Any) -> CheckResult:
    """Returns a red flag with a line per fault, or ok with the sentence for no fault."""
    lines = list(faults)
    return CheckResult("red_flag" if lines else "ok", "\n".join(lines) or sound, figures)


def shown(names: Iterable[str], most: int = 3) -> str:
    """Spells names, the first few of many.

    >>> shown(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    found = list(names)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")

"""Functions that checks share to report their results."""

from collections.abc import Iterable
from typing import Any

from src.core.check_result import CheckResult


class NotApplicableError(Exception):
    """A check cannot run: its subject is missing, which is not a fault, or another check reports the fault."""


def red_flag_or_ok(faults: Iterable[str], ok_message: str, **figures: Any) -> CheckResult:
    """Returns a red flag with one line for each fault. Without faults, returns ok with `ok_message`."""
    lines = list(faults)
    return CheckResult("red_flag" if lines else "ok", "\n".join(lines) or ok_message, figures)


def shown(names: Iterable[str], most: int = 3) -> str:
    """Lists names, at most the first few.

    >>> shown(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")

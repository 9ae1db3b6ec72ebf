"""Errors that the person at the keyboard can correct, and what tells them from others."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something that the person at the keyboard can mend; the message says what, what is legal, and what to do."""


def unknown_name(kind: str, given: str, legal: Iterable[str]) -> UserError:
    """Builds the error for a name that is in no table, with the nearest legal one and all of them.

    >>> str(unknown_name("model", "bart", ["bert", "roberta"]))
    "unknown model 'bart', did you mean 'bert'? Legal: bert, roberta"
    """
    names = list(legal)
    last = {name.rpartition(".")[2]: name for name in names}  # train.foo is not near to train.epochs
    near = get_close_matches(given.rpartition(".")[2], last, n=1)
    hint = f", did you mean '{last[near[0]]}'?" if near else "."
    return UserError(f"unknown {kind} '{given}'{hint} Legal: {', '.join(names)}")


def is_out_of_memory(error: BaseException) -> bool:
    """Says whether memory ran out, of a GPU or of the host; torch has no class for the latter."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return isinstance(error, MemoryError) or "OutOfMemoryError" in names or "DefaultCPUAllocator" in str(error)

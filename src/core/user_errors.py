"""Errors that the user can correct, and errors of too little memory."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """An error that the user can correct. The message says what was given, what is legal and what to do."""


def unknown_name(kind: str, name: str, legal: Iterable[str]) -> UserError:
    """Builds the error for an unknown name. The message has the nearest legal name and all legal names.

    >>> str(unknown_name("model", "bart", ["bert", "roberta"]))
    "unknown model 'bart', did you mean 'bert'? Legal: bert, roberta"
    """
    legal = list(legal)
    by_last_part = {key.rpartition(".")[2]: key for key in legal}  # train.foo is not similar to train.epochs
    similar = get_close_matches(name.rpartition(".")[2], by_last_part, n=1)
    hint = f", did you mean '{by_last_part[similar[0]]}'?" if similar else "."
    return UserError(f"unknown {kind} '{name}'{hint} Legal: {', '.join(legal)}")


def is_out_of_memory(error: BaseException) -> bool:
    """Says whether the memory of a GPU or of the host ran out. torch has no class for the latter."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return isinstance(error, MemoryError) or "OutOfMemoryError" in names or "DefaultCPUAllocator" in str(error)

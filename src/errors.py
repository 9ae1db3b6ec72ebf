"""Expected errors, and how a command ends with one: a single line and exit status 2, no traceback."""

import os
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something that the person at the keyboard can mend; the message says what, what is legal, and what to do."""


def unknown_name(kind: str, given: str, legal: Iterable[str]) -> UserError:
    """Builds the error for a name that is in no table, with the nearest legal one and all of them.

    >>> str(unknown_name("task", "spam", ["cls", "span"]))
    "unknown task 'spam', did you mean 'span'? Legal: cls, span"
    """
    names = list(legal)
    last = {name.rpartition(".")[2]: name for name in names}  # train.foo is not near to train.epochs
    near = get_close_matches(given.rpartition(".")[2], last, n=1)
    hint = f", did you mean '{last[near[0]]}'?" if near else "."
    return UserError(f"unknown {kind} '{given}'{hint} Legal: {', '.join(names)}")


def run(main: Callable[[], None]) -> None:
    """Runs a command's main function; a UserError ends it with one line on standard error and exit status 2."""
    try:
        main()
        if sys.stdout:  # None where it was closed
            sys.stdout.flush()  # a closed pipe shows here, and not as Python ends
    except UserError as error:
        print(f"error: {' '.join(line.strip() for line in str(error).splitlines() if line.strip())}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # of `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again as it ends
        sys.exit(141)
    except OSError as error:  # a full disk, a folder that may not be written to
        print(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("error: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)

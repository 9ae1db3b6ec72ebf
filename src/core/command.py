"""How a command ends with an expected error: a single line and exit status 2 or 1, no traceback."""

import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from src.core.user_errors import UserError, is_out_of_memory

LONGEST = 2000  # characters of a message, which may quote what a file holds
FULL = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "database or disk is full",
    "iostream error",  # all that torch.save says
)
STOPPED = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def run(main: Callable[[], None]) -> None:
    """Runs a command's main function. If it cannot go on, it ends with one line on standard error.

    Exit statuses: 2 for a UserError; 1 for a full disk, for memory that ran out, and for what else the system refuses;
    130 for Ctrl-C, 143 for SIGTERM, 141 for a closed pipe.
    """
    before = _heed(_raise)
    try:
        main()
        if sys.stdout:  # None if it was closed
            sys.stdout.flush()  # a closed pipe shows here, and not as Python ends
    except UserError as error:
        _end(str(error), 2)
    except BrokenPipeError:  # of `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains again as it ends
        sys.exit(141)
    except KeyboardInterrupt:
        _stop(signal.SIGINT)
    except _Terminated:
        _stop(signal.SIGTERM)
    except Exception as error:
        if any(sign in str(cause) for cause in _causes(error) for sign in FULL):
            _end(
                f"the disk is full: {_said(error)}; what was there before is whole. "
                "Make room and run the same command again",
                1,
            )
        if any(is_out_of_memory(cause) for cause in _causes(error)):
            _end(
                f"memory ran out: {_said(error) or type(error).__name__}; what was there before is whole. Close what "
                "else runs, or take a smaller model, smaller batches or fewer rows, and run the same command again",
                1,
            )
        if isinstance(error, OSError):  # such as a folder that may not be written to
            _end(f"{error.strerror or _said(error)}{f': {error.filename}' if error.filename else ''}", 1)
        raise
    finally:
        gc.freeze()  # as Python ends it would search everything for garbage, which the system frees anyway
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def heavy_imports() -> Iterator[None]:
    """For imports that take seconds, such as torch's.

    Ctrl-C and SIGTERM end the process at once: an exception could get lost in a module that is being imported. Python
    does not search for garbage meanwhile, which would take a third of the time of the imports.
    """
    before = stop_at_once()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # otherwise a waiting thread uses the core that others need
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what is imported stays, so that no later search needs to look at it
        gc.enable()
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_at_once() -> dict[int, Any]:
    """Lets Ctrl-C and SIGTERM end this process with the line of `run`, at once. Returns the handlers before."""

    def stop(number: int, _: Any) -> None:
        try:
            _stop(number)
        finally:
            os._exit(128 + number)

    return _heed(stop)


def _heed(handler: Callable[[int, Any], None]) -> dict[int, Any]:
    """Sets the handler of both signals, unless whoever started this process has them ignored; returns those before."""
    heeded = [number for number in STOPPED if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heeded}


def _stop(number: int) -> NoReturn:
    _end(f"{STOPPED[signal.Signals(number)]}; run the same command again to go on", 128 + number)


def _end(message: str, status: int) -> NoReturn:
    line = " ".join(part.strip() for part in message.splitlines() if part.strip())
    print(f"error: {line if len(line) <= LONGEST else f'{line[:LONGEST]}...'}", file=sys.stderr)
    sys.exit(status)


class _Terminated(BaseException):
    """SIGTERM, in the place where it came: what is half written is removed as after any error."""


def _raise(number: int, _: Any) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else _Terminated


def _said(error: Exception) -> str:
    """What an error says; of a folder that was copied, of the first of its files that was not."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        source, _, reason = error.args[0][0]
        return f"{source} cannot be copied: {reason}"
    return str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Gives an error and those behind it, in whichever library they came up."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

"""Ends a command after an expected error: one line, exit status 2 or 1, no traceback."""

import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from src.core.user_errors import UserError, is_out_of_memory

LONGEST = 2000  # characters of a message, which may quote a file
DISK_FULL = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "database or disk is full",
    "iostream error",  # the only message of torch.save
)
SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def run(main: Callable[[], None]) -> None:
    """Runs the main function of a command. An expected error ends the command with one line on standard error.

    Exit statuses: 2 for a UserError; 1 for a full disk, for too little memory, and for other errors of the system;
    130 for Ctrl-C, 143 for SIGTERM, 141 for a closed pipe.
    """
    previous = _set_handlers(_raise)
    try:
        main()
        if sys.stdout:  # None if it was closed
            sys.stdout.flush()  # so that a closed pipe is reported here and not when Python exits
    except UserError as error:
        _end(str(error), 2)
    except BrokenPipeError:  # for example from `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python reports it again at exit
        sys.exit(141)
    except KeyboardInterrupt:
        _stop(signal.SIGINT)
    except _Terminated:
        _stop(signal.SIGTERM)
    except Exception as error:
        if any(sign in str(cause) for cause in _causes(error) for sign in DISK_FULL):
            _end(
                f"the disk is full: {_message(error)}. Existing files are not damaged. "
                "Free some space and run the same command again",
                1,
            )
        if any(is_out_of_memory(cause) for cause in _causes(error)):
            _end(
                f"memory ran out: {_message(error) or type(error).__name__}. Existing files are not damaged. Close "
                "other programs, or use a smaller model, smaller batches or fewer rows, and run the same command again",
                1,
            )
        if isinstance(error, OSError):  # for example a folder without write permission
            _end(f"{error.strerror or _message(error)}{f': {error.filename}' if error.filename else ''}", 1)
        raise
    finally:
        gc.freeze()  # skips the garbage collection at exit: the system frees the memory anyway
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def heavy_imports() -> Iterator[None]:
    """For imports that take seconds, such as torch.

    Ctrl-C and SIGTERM end the process immediately, because a module that is being imported could catch an exception.
    Garbage collection is off, because it takes a third of the import time.
    """
    previous = stop_at_once()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # otherwise waiting threads occupy the cores
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # excludes the imported objects from later collections
        gc.enable()
        for number, handler in previous.items():
            signal.signal(number, handler)


def stop_at_once() -> dict[int, Any]:
    """Lets Ctrl-C and SIGTERM end this process immediately, with the line of `run`. Returns the previous handlers."""

    def stop(number: int, _: Any) -> None:
        try:
            _stop(number)
        finally:
            os._exit(128 + number)

    return _set_handlers(stop)


def _set_handlers(handler: Callable[[int, Any], None]) -> dict[int, Any]:
    """Sets the handler of both signals, except ignored ones. Returns the previous handlers."""
    numbers = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in numbers}


def _stop(number: int) -> NoReturn:
    _end(f"{SIGNALS[signal.Signals(number)]}; run the same command again to continue", 128 + number)


def _end(message: str, status: int) -> NoReturn:
    line = " ".join(part.strip() for part in message.splitlines() if part.strip())
    print(f"error: {line if len(line) <= LONGEST else f'{line[:LONGEST]}...'}", file=sys.stderr)
    sys.exit(status)


class _Terminated(BaseException):
    """SIGTERM as an exception, so that unfinished files are removed."""


def _raise(number: int, _: Any) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else _Terminated


def _message(error: Exception) -> str:
    """The message of an error. If a folder was copied, the message of the first file that failed."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        source, _, reason = error.args[0][0]
        return f"{source} cannot be copied: {reason}"
    return str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error and the errors that caused it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

"""Files are complete or absent: each is written to a temporary name in the same folder, then renamed."""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from src.core.user_errors import UserError


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yields an empty folder. It replaces `folder` when the block ends without an error."""
    temporary, old = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("partial", "old.partial"))
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            folder.rename(old)  # not rmtree: if the process were killed, a part of it would remain
        temporary.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields the path of a file to write. It replaces `path` when the block ends without an error.

    Raises:
        UserError: `path` is a folder or a device, or its parent folder cannot be created.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is not a regular file and cannot be replaced; choose another path")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}: {error.filename}") from error
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes lines as UTF-8. Each line ends with a line feed."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a CSV file with a header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_lines(path, text.getvalue().removesuffix("\n").split("\n"))  # splitlines would split a cell at U+2028


def write_yaml(path: Path, value: Any, remark: str | None = None) -> None:
    """Writes YAML after an optional comment line. Comments that `read_yaml` read with `comments=True` are kept."""
    text = io.StringIO()
    YAML().dump(value, text)
    write_lines(path, [*([f"# {remark}"] if remark else []), *text.getvalue().splitlines()])


def write_json(path: Path, value: Any) -> None:
    """Writes one indented JSON value.

    Raises:
        ValueError: the value contains NaN or an infinity, which JSON does not have.
    """
    write_lines(path, [json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)])


def digest(settings: Any, files: Sequence[Path]) -> str:
    """Returns 16 hexadecimal digits of the hash of the settings, as JSON, and the contents of the files."""
    checksum = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in files:
        checksum.update(b"\0")
        with path.open("rb") as file:
            while part := file.read(2**20):  # weights may be gigabytes
                checksum.update(part)
    return checksum.hexdigest()[:16]


def read_json(path: Path) -> Any:
    """Reads one JSON value.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    try:
        return json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or a number with thousands of digits
        raise UserError(f"{path} is not JSON: {error}") from error


def read_yaml(path: Path, *, comments: bool = False) -> Any:
    """Reads a YAML 1.2 file; DVC writes `3e-05`, which is a float in YAML 1.2 and a string in YAML 1.1.

    Args:
        comments: keep comments and style, because the file is written again.

    Raises:
        UserError: the file is missing or is not YAML.
    """
    text = _read_text(path)
    try:
        return YAML(typ="rt" if comments else "safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:  # ValueError: an invalid date, such as 2020-13-45
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UserError(f"{path} is not YAML: {place}{problem}") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{path} does not exist") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder; a file is expected") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error

"""Systems as files: a name, and a pattern whose matches are its runs: files of predictions, or folders of such."""

import re
from collections.abc import Sequence
from pathlib import Path

from src.core.records import Prediction
from src.core.user_errors import UserError
from src.tasks.prediction_file import label_sets_of, read_predictions, with_labels

Runs = dict[str, list[Prediction]]  # {seed: rows}


def read(systems: Sequence[str]) -> dict[str, Runs]:
    """Reads systems that are given as NAME=GLOB.

    Raises:
        UserError: no NAME=GLOB, a name that stands twice, a pattern that matches nothing, a file of other content.
    """
    found = {name: runs(pattern) for name, pattern in patterns(systems).items()}
    labels = label_sets_of(row for by_seed in found.values() for rows in by_seed.values() for row in rows)
    return {
        name: {seed: with_labels(rows, labels) for seed, rows in by_seed.items()} for name, by_seed in found.items()
    }


def patterns(systems: Sequence[str], suffix: str = ".jsonl") -> dict[str, str]:
    """Parts NAME=GLOB; suffix: of the files that are meant, for the message.

    Raises:
        UserError: no NAME=GLOB, or a name that stands twice.
    """
    found: dict[str, str] = {}
    for system in systems:
        name, sign, pattern = system.partition("=")
        if not (name and sign and pattern):
            raise UserError(f"'{system}' is not NAME=GLOB, such as ours='runs/ours-*{suffix}'")
        if name in found:
            raise UserError(f"system '{name}' stands twice; one pattern may match all its runs")
        found[name] = pattern
    return found


def runs(pattern: str) -> Runs:
    """Reads the predictions that a pattern matches.

    Raises:
        UserError: nothing matches, or a file holds something else.
    """
    return {name: read_predictions(path) for name, path in files(pattern).items()}


def files(pattern: str) -> dict[str, Path]:
    """Finds what a pattern matches; a run is named by what stands for the wildcards.

    Raises:
        UserError: nothing matches.
    """
    pattern = str(Path(pattern))  # ./runs/*.jsonl and runs//*.jsonl are runs/*.jsonl
    anchor = Path(pattern).anchor
    try:
        found = [pattern] if Path(pattern).exists() else Path(anchor).glob(pattern.removeprefix(anchor))
        paths = sorted(map(str, found))
    except ValueError as error:
        raise UserError(f"{pattern} is no pattern: {error}") from error
    if not paths:
        raise UserError(f"nothing matches {pattern}; give a file, a folder of files, or a pattern")
    names = [_wild(pattern, path) for path in paths]
    if len(set(names)) < len(names):
        names = paths
    return dict(zip(names, map(Path, paths), strict=True))


def _wild(pattern: str, path: str) -> str:
    """What stands for the wildcards of a pattern.

    >>> _wild("runs/ours-*/seed[0-9].jsonl", "runs/ours-big/seed7.jsonl")
    'big 7'
    """
    parts = re.split(r"(\*\*|\*|\?|\[[^]]+\])", pattern)
    wild = {"**": "(.*)", "*": "([^/]*)", "?": "([^/])"}
    classes = {part: f"({part.replace('[!', '[^')})" for part in parts if part.startswith("[")}
    if path == pattern:
        return ""  # it exists under this name, brackets and all
    match = re.fullmatch("".join((wild | classes).get(part, re.escape(part)) for part in parts), path)
    return " ".join(match.groups()) if match else path

"""Systems as files: NAME=GLOB. Each match of the pattern is a run: a file or a folder of predictions."""

import re
from collections.abc import Sequence
from pathlib import Path

from src.core.records import Prediction
from src.core.user_errors import UserError
from src.tasks.prediction_file import label_sets_of, read_predictions, with_labels

Runs = dict[str, list[Prediction]]  # {seed: rows}


def read(systems: Sequence[str]) -> dict[str, Runs]:
    """Reads systems, each as NAME=GLOB.

    Raises:
        UserError: it is not NAME=GLOB, a name occurs twice, a pattern matches nothing, or a file is not valid.
    """
    by_name = {name: runs(pattern) for name, pattern in patterns(systems).items()}
    labels = label_sets_of(row for by_seed in by_name.values() for rows in by_seed.values() for row in rows)
    return {
        name: {seed: with_labels(rows, labels) for seed, rows in by_seed.items()} for name, by_seed in by_name.items()
    }


def patterns(systems: Sequence[str], suffix: str = ".jsonl") -> dict[str, str]:
    """Splits NAME=GLOB into {name: pattern}. `suffix` is the extension of the files, for the error message.

    Raises:
        UserError: it is not NAME=GLOB, or a name occurs twice.
    """
    by_name: dict[str, str] = {}
    for system in systems:
        name, sign, pattern = system.partition("=")
        if not (name and sign and pattern):
            raise UserError(f"'{system}' is not NAME=GLOB; example: ours='runs/ours-*{suffix}'")
        if name in by_name:
            raise UserError(f"system '{name}' is given twice; use one pattern that matches all its runs")
        by_name[name] = pattern
    return by_name


def runs(pattern: str) -> Runs:
    """Reads the predictions that a pattern matches.

    Raises:
        UserError: nothing matches, or a file is not valid.
    """
    return {name: read_predictions(path) for name, path in files(pattern).items()}


def files(pattern: str) -> dict[str, Path]:
    """Returns {run: path} of the matches of a pattern. The text that matches the wildcards is the name of the run.

    Raises:
        UserError: nothing matches.
    """
    pattern = str(Path(pattern))  # ./runs/*.jsonl and runs//*.jsonl become runs/*.jsonl
    anchor = Path(pattern).anchor
    try:
        matches = [pattern] if Path(pattern).exists() else Path(anchor).glob(pattern.removeprefix(anchor))
        paths = sorted(map(str, matches))
    except ValueError as error:
        raise UserError(f"{pattern} is not a valid pattern: {error}") from error
    if not paths:
        raise UserError(f"nothing matches {pattern}; give a file, a folder of files, or a pattern")
    names = [_wildcard_text(pattern, path) for path in paths]
    if len(set(names)) < len(names):
        names = paths
    return dict(zip(names, map(Path, paths), strict=True))


def _wildcard_text(pattern: str, path: str) -> str:
    """Returns the parts of a path that match the wildcards of a pattern.

    >>> _wildcard_text("runs/ours-*/seed[0-9].jsonl", "runs/ours-big/seed7.jsonl")
    'big 7'
    """
    parts = re.split(r"(\*\*|\*|\?|\[[^]]+\])", pattern)
    wildcards = {"**": "(.*)", "*": "([^/]*)", "?": "([^/])"}
    classes = {part: f"({part.replace('[!', '[^')})" for part in parts if part.startswith("[")}
    if path == pattern:
        return ""  # the path exists, so brackets in it are not wildcards
    match = re.fullmatch("".join((wildcards | classes).get(part, re.escape(part)) for part in parts), path)
    return " ".join(match.groups()) if match else path

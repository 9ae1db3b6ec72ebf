"""Systems as files: a name, and a pattern whose matches are its runs: files of predictions, or folders of such."""

import re
from collections.abc import Sequence
from pathlib import Path

from src.errors import UserError
from src.records import Prediction, read_predictions

Runs = dict[str, list[Prediction]]  # {seed: rows}


def read(systems: Sequence[str]) -> dict[str, Runs]:
    """Reads systems that are given as NAME=GLOB.

    Raises:
        UserError: no NAME=GLOB, a name that stands twice, a pattern that matches nothing, a file of other content.
    """
    found: dict[str, Runs] = {}
    for system in systems:
        name, sign, pattern = system.partition("=")
        if not (name and sign and pattern):
            raise UserError(f"'{system}' is not NAME=GLOB, such as ours='runs/ours-*.jsonl'")
        if name in found:
            raise UserError(f"system '{name}' stands twice; one pattern may match all its runs")
        found[name] = runs(pattern)
    return found


def runs(pattern: str) -> Runs:
    """Reads what a pattern matches; a run is named by what stands for the wildcards.

    Raises:
        UserError: nothing matches, or a file holds something else.
    """
    pattern = str(Path(pattern))  # ./runs/*.jsonl and runs//*.jsonl are runs/*.jsonl
    anchor = Path(pattern).anchor
    try:
        found = [pattern] if Path(pattern).exists() else Path(anchor).glob(pattern.removeprefix(anchor))
        paths = sorted(map(str, found))
    except ValueError as error:
        raise UserError(f"{pattern} is no pattern: {error}") from error
    if not paths:
        raise UserError(f"nothing matches {pattern}; give a file of predictions, a folder of such, or a pattern")
    names = [_wild(pattern, path) for path in paths]
    if len(set(names)) < len(names):
        names = paths
    return {name: read_predictions(Path(path)) for name, path in zip(names, paths, strict=True)}


def _wild(pattern: str, path: str) -> str:
    """What stands for the wildcards of a pattern; the whole path where they are of a rarer kind.

    >>> _wild("runs/ours-*/seed?.jsonl", "runs/ours-big/seed7.jsonl")
    'big 7'
    """
    wild = {"*": "([^/]*)", "?": "([^/])"}
    match = re.fullmatch("".join(wild.get(character, re.escape(character)) for character in pattern), path)
    return " ".join(match.groups()) if match else path

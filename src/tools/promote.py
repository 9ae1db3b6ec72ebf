"""Writes the best hyper-parameters of a search into tuned.yaml, under its model and task, and shows what changed.

    python -m src promote

Reads metrics/hpo of the workspace: run the search there, or get it with `dvc exp apply NAME`. If you agree with the
changes, commit tuned.yaml; `-S hpo.mode=tuned` trains with it.
"""

import argparse
import difflib
from pathlib import Path
from typing import Any

from src.core import best_file, config
from src.core.command import run
from src.core.command_line import command_parser
from src.core.files import read_json, read_yaml, write_yaml
from src.core.user_errors import UserError


def main() -> None:
    arguments = parser().parse_args()

    params = config.load(arguments.params)
    study = _finished_study(arguments.search / "study.json")
    path = arguments.search / "best.yaml"
    overrides = best_file.read(path).overrides
    params.train.overridden(overrides, path)

    before = arguments.tuned.read_text(encoding="utf-8") if arguments.tuned.is_file() else ""
    tuned = read_yaml(arguments.tuned, comments=True) if before else {}
    if tuned is None:  # not `or`: an empty mapping keeps the comments above it
        tuned = {}
    tuned.setdefault(study["model"], {})[study["task"]] = overrides
    write_yaml(arguments.tuned, tuned)
    after = arguments.tuned.read_text(encoding="utf-8")
    names = f"{arguments.tuned} before", f"{arguments.tuned} after"
    print("".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), *names)) or "nothing changed")


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src promote", __doc__, "search")
    options.add_argument("--params", type=Path, default=Path("params.yaml"), help="file with model and task")
    options.add_argument("--search", type=Path, default=Path("metrics/hpo"), help="folder that the hpo stage wrote")
    options.add_argument("--tuned", type=Path, default=Path("tuned.yaml"), help="file to write into")
    return options


def _finished_study(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path.parent} does not have a search: run one first, with -S hpo.mode=search")
    study: dict[str, Any] = read_json(path)
    if study["finished_trials"] < study["n_trials"]:
        raise UserError(
            f"study {study['study']} has {study['finished_trials']} finished trials of hpo.n_trials: "
            f"{study['n_trials']}; run the search again to continue it up to this number"
        )
    return study


if __name__ == "__main__":
    run(main)

"""Writes the best hyper-parameters of a search into tuned.yaml, under its model and task, and shows what changed.

    python -m src.tools.promote

Reads metrics/hpo/best.yaml of the workspace: run the search there, or fetch it with `dvc exp apply NAME`. Commit
tuned.yaml when you agree; `-S hpo.mode=tuned` trains with it.
"""

import argparse
import difflib
from pathlib import Path
from typing import Any

from src import config
from src.errors import UserError, run
from src.files import read_yaml, write_yaml


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--best", type=Path, default=Path("metrics/hpo/best.yaml"))
    parser.add_argument("--tuned", type=Path, default=Path("tuned.yaml"))
    arguments = parser.parse_args()

    params = config.load(arguments.params)
    best = read_yaml(arguments.best)
    _check(best, params.hpo.n_trials, arguments.best)
    params.train.overridden(best["overrides"], arguments.best)

    before = arguments.tuned.read_text(encoding="utf-8") if arguments.tuned.is_file() else ""
    tuned = read_yaml(arguments.tuned, comments=True) if before else {}
    tuned = tuned or {}
    tuned.setdefault(best["model"], {})[best["task"]] = best["overrides"]
    write_yaml(arguments.tuned, tuned)
    after = arguments.tuned.read_text(encoding="utf-8")
    names = f"{arguments.tuned} before", f"{arguments.tuned} after"
    print("".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), *names)) or "nothing changed")


def _check(best: dict[str, Any], wanted: int, path: Path) -> None:
    if "study" not in best:
        raise UserError(f"{path} comes from no search: run one first, with -S hpo.mode=search")
    if best["finished_trials"] < wanted:
        raise UserError(
            f"study {best['study']} has {best['finished_trials']} finished trials of hpo.n_trials: {wanted}; "
            f"run the search again, it goes on to {wanted}"
        )


if __name__ == "__main__":
    run(main)

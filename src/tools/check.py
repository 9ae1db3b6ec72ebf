"""Checks whether a run is complete and sound: the workspace, an experiment, or a model alone.

    python -m src check                          # the workspace; --json
    python -m src check --experiment seedy-bots  # without checking it out; a Git revision is possible too
    python -m src check --model models/current   # a folder with any model
    python -m src check --overfit                # the model of params.yaml must overfit ten examples

The exit status is 1 if there is a red flag.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from src.analysis.tables import TEXT
from src.core import config
from src.core.check_result import CheckResult, worst
from src.core.command import heavy_imports, run
from src.core.command_line import command_parser
from src.core.user_errors import UserError
from src.runs import experiments
from src.runs.checks import check
from src.runs.checks.subject import PATHS, Subject
from src.runs.paths import DATA, MODEL, PARAMS


def main() -> None:
    arguments = parser().parse_args()

    if arguments.overfit:
        name, results = "overfit", _overfit()
    elif arguments.experiment:
        name, results = arguments.experiment, _of_experiment(arguments.experiment, arguments.trust_remote_code)
    elif arguments.model:
        name, results = str(arguments.model), _of_model(arguments.model, arguments.trust_remote_code)
    else:
        experiments.check_here()
        name, results = "workspace", check(Subject("workspace", Path(MODEL), Path(), in_workspace=True))
    status = worst(result.status for result in results.values())
    print(_json(name, status, results) if arguments.json else _text(results), flush=True)
    if status == "red_flag":
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src check", __doc__, "is-a-run-sound")
    what = options.add_mutually_exclusive_group()
    what.add_argument("--experiment", metavar="NAME", help="an experiment or a Git revision, instead of the workspace")
    what.add_argument("--model", type=Path, metavar="DIR", help="folder of a model, without a run")
    what.add_argument("--overfit", action="store_true", help="train on ten examples: the loss must fall to nearly 0")
    options.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="allow --experiment or --model to run Python code of the model",
    )
    options.add_argument("--json", action="store_true", help="print all figures as JSON")
    return options


def _overfit() -> Mapping[str, CheckResult]:
    with heavy_imports():
        from src.training.overfit import overfit

    return {"overfit": overfit(config.load(Path(PARAMS)), Path(DATA))}


def _of_experiment(name: str, trust_remote_code: bool) -> Mapping[str, CheckResult]:
    with experiments.fetched(experiments.commit_of(name), *PATHS) as root:
        return check(Subject(name, root / MODEL, root, trust_remote_code=trust_remote_code))


def _of_model(folder: Path, trust_remote_code: bool) -> Mapping[str, CheckResult]:
    if not folder.is_dir():
        raise UserError(f"--model {folder}: the folder does not exist")
    return check(Subject(str(folder), folder, trust_remote_code=trust_remote_code))


def _text(results: Mapping[str, CheckResult]) -> str:
    lines = []
    for name, result in results.items():
        first, *rest = result.message.splitlines()
        lines += [[name, result.status, first], *(["", "", line] for line in rest)]
    return TEXT.table(["check", "status", "what was found"], lines)


def _json(name: str, status: str, results: Mapping[str, CheckResult]) -> str:
    checks = {check: asdict(result) for check, result in results.items()}
    return json.dumps(
        {"subject": name, "status": status, "checks": checks}, ensure_ascii=False, indent=2, allow_nan=False
    )


if __name__ == "__main__":
    run(main)

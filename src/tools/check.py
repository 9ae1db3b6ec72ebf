"""Checks what is there and whether it is sound: the workspace, an experiment, or a model alone.

    python -m src check                          # the workspace; --json
    python -m src check --experiment seedy-bots  # without checking it out; a revision of Git, too
    python -m src check --model models/current   # a folder with a model, ours or of others
    python -m src check --overfit                # ten examples, learnt by heart by the model of params.yaml

Exit status 1 where there is a red flag.
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
from src.core.command import heavy_imports
from src.core.command_line import command_parser
from src.core.user_errors import UserError
from src.runs import experiments
from src.runs.checks import check
from src.runs.checks.subject import PATHS, Subject
from src.runs.paths import DATA, MODEL, PARAMS


def main() -> None:
    arguments = parser().parse_args()

    if arguments.overfit:
        name, found = "overfit", _overfit()
    elif arguments.experiment:
        name, found = arguments.experiment, _of_experiment(arguments.experiment, arguments.trust_remote_code)
    elif arguments.model:
        name, found = str(arguments.model), _of_model(arguments.model, arguments.trust_remote_code)
    else:
        experiments.check_here()
        name, found = "workspace", check(Subject("workspace", Path(MODEL), Path(), in_workspace=True))
    status = worst(finding.status for finding in found.values())
    print(_json(name, status, found) if arguments.json else _text(found), flush=True)
    if status == "red_flag":
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src check", __doc__, "is-a-run-sound")
    what = options.add_mutually_exclusive_group()
    what.add_argument("--experiment", metavar="NAME", help="an experiment or a revision, in place of the workspace")
    what.add_argument("--model", type=Path, metavar="DIR", help="folder of a model alone")
    what.add_argument("--overfit", action="store_true", help="train on ten examples: the loss must fall to nearly 0")
    options.add_argument(
        "--trust-remote-code", action="store_true", help="let the model of --experiment or --model run code of its own"
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
        raise UserError(f"--model {folder}: there is no such folder")
    return check(Subject(str(folder), folder, trust_remote_code=trust_remote_code))


def _text(found: Mapping[str, CheckResult]) -> str:
    lines = []
    for name, finding in found.items():
        first, *rest = finding.message.splitlines()
        lines += [[name, finding.status, first], *(["", "", line] for line in rest)]
    return TEXT.table(["check", "status", "what was found"], lines)


def _json(name: str, status: str, found: Mapping[str, CheckResult]) -> str:
    checks = {check: asdict(finding) for check, finding in found.items()}
    return json.dumps(
        {"subject": name, "status": status, "checks": checks}, ensure_ascii=False, indent=2, allow_nan=False
    )

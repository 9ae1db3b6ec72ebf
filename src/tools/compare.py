"""Compares systems: mean and standard deviation over seeds, seen and unseen, beside baselines, and tests of each pair.

    python -m src compare                        # the experiments of a commit; --md, --latex, --csv, --json
    python -m src compare --rev HEAD~1           # experiments belong to the commit that they were queued from
    python -m src compare --over seed,prepare.fold
    python -m src compare --cost                 # what the workspace and the experiments took, and at what price
    python -m src compare --predictions ours='runs/ours-*.jsonl' theirs='theirs/seed-*/predictions'

A file of predictions is one run of its system, and so is a folder of such files; what * stands for is its seed. The
tables go to standard output, and all that is missing or amiss to standard error.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from src.analysis import comparison_table, cost
from src.core import config
from src.core.command_line import command_parser, warn
from src.core.user_errors import UserError
from src.runs import comparisons, costs
from src.runs.paths import PARAMS


def main() -> None:
    arguments = parser().parse_args()

    if arguments.cost:
        if arguments.predictions or arguments.over:
            raise UserError(
                "--cost is of the workspace and of each experiment; --predictions and --over do not go with it"
            )
        prices = config.load(Path(PARAMS)).cost
        print(cost.FORMATS[arguments.form](cost.lines(costs.spent(arguments.rev, prices)), prices))
        return
    if arguments.predictions:
        if arguments.rev or arguments.over:
            raise UserError("--rev and --over are about experiments; of files, runs of a system are averaged")
        comparison, pairs, _ = comparisons.of_files(arguments.predictions)
    else:
        comparison, pairs, _ = comparisons.of_experiments(arguments.rev or "HEAD", arguments.over or ["seed"])
    warn(comparison.warnings)
    if arguments.tests:
        comparison = replace(comparison, rows=[])
        if not pairs:
            raise UserError("there is no pair to test: two systems with predictions of the same rows are needed")
    print(comparison_table.FORMATS[arguments.form](comparison, pairs))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src compare", __doc__, "experiments-and-grids")
    options.add_argument("--rev", help="the commit whose experiments are compared; default: HEAD")
    options.add_argument(
        "--over",
        action="append",
        metavar="PARAM",
        help="parameter to average over, such as prepare.fold; several: with commas, or --over again; default: seed",
    )
    options.add_argument(
        "--predictions", nargs="+", metavar="NAME=GLOB", help="compare files of predictions in place of experiments"
    )
    alone = options.add_mutually_exclusive_group()
    alone.add_argument("--tests", action="store_true", help="the tests of every pair alone, without the means")
    alone.add_argument("--cost", action="store_true", help="wall time and cost alone, of the workspace too")
    form = options.add_mutually_exclusive_group()
    for name in comparison_table.FORMATS:
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=f"print {name}")
    options.set_defaults(form="text")
    return options

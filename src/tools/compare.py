"""Compares systems with each other and with baselines: mean and deviation over seeds, and tests of each pair.

    python -m src compare                        # the experiments of a commit; --md, --latex, --csv, --json
    python -m src compare --rev HEAD~1           # experiments belong to the commit from which they were queued
    python -m src compare --over seed,prepare.fold
    python -m src compare --cost                 # time and cost of the workspace and the experiments
    python -m src compare --predictions ours='runs/ours-*.jsonl' theirs='theirs/seed-*/predictions'

A file or folder of predictions is one run of its system; the part that * matches is its seed. The tables are printed
to standard output, warnings to standard error.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from src.analysis import comparison_table, cost
from src.core import config
from src.core.command import run
from src.core.command_line import command_parser, warn
from src.core.user_errors import UserError
from src.runs import comparisons, costs
from src.runs.paths import PARAMS


def main() -> None:
    arguments = parser().parse_args()

    if arguments.cost:
        if arguments.predictions or arguments.over:
            raise UserError(
                "--cost covers the workspace and all experiments; it cannot be combined with --predictions or --over"
            )
        prices = config.load(Path(PARAMS)).cost
        print(cost.FORMATS[arguments.form](cost.lines(costs.spent(arguments.rev, prices)), prices))
        return
    if arguments.predictions:
        if arguments.rev or arguments.over:
            raise UserError("--rev and --over select experiments; they cannot be combined with --predictions")
        comparison, pairs, _ = comparisons.of_files(arguments.predictions)
    else:
        comparison, pairs, _ = comparisons.of_experiments(arguments.rev or "HEAD", arguments.over or ["seed"])
    warn(comparison.warnings)
    if arguments.tests:
        comparison = replace(comparison, rows=[])
        if not pairs:
            raise UserError("there is no pair to test: --tests needs two systems with predictions of the same rows")
    print(comparison_table.FORMATS[arguments.form](comparison, pairs))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src compare", __doc__, "experiments-and-grids")
    options.add_argument("--rev", help="the commit whose experiments are compared; default: HEAD")
    options.add_argument(
        "--over",
        action="append",
        metavar="PARAM",
        help="parameters to average over, such as seed,prepare.fold; can be repeated; default: seed",
    )
    options.add_argument(
        "--predictions", nargs="+", metavar="NAME=GLOB", help="compare files of predictions instead of experiments"
    )
    alone = options.add_mutually_exclusive_group()
    alone.add_argument("--tests", action="store_true", help="print only the tests of each pair")
    alone.add_argument("--cost", action="store_true", help="print only wall time and cost, with the workspace")
    form = options.add_mutually_exclusive_group()
    for name in comparison_table.FORMATS:
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=f"print the table as {name}")
    options.set_defaults(form="text")
    return options


if __name__ == "__main__":
    run(main)

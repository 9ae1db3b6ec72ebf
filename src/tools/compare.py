"""Compares systems: mean and standard deviation over seeds, seen and unseen, beside baselines, and tests of each pair.

    python -m src.tools.compare                        # the experiments of a commit; --md, --latex, --csv, --json
    python -m src.tools.compare --rev HEAD~1           # experiments belong to the commit that they were queued from
    python -m src.tools.compare --over seed,prepare.fold
    python -m src.tools.compare --predictions ours='runs/ours-*.jsonl' theirs='theirs/seed-*/predictions'

A file of predictions is one run of its system, and so is a folder of such files; what * stands for is its seed. The
tables go to standard output, and all that is missing or amiss to standard error.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from src import experiments, systems
from src.analysis import compare, comparison_table, scores, significance
from src.analysis.compare import Comparison, Run
from src.analysis.significance import Pair
from src.errors import UserError, run
from src.experiments import PREDICTIONS, Experiment
from src.records import Prediction, read_predictions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rev", default="HEAD", help="the commit whose experiments are compared; default: HEAD")
    parser.add_argument(
        "--over",
        action="append",
        metavar="PARAM",
        help="parameter to average over, such as prepare.fold; several: with commas, or --over again; default: seed",
    )
    parser.add_argument(
        "--predictions", nargs="+", metavar="NAME=GLOB", help="compare files of predictions in place of experiments"
    )
    parser.add_argument("--tests", action="store_true", help="the tests of every pair alone, without the means")
    form = parser.add_mutually_exclusive_group()
    for name in comparison_table.FORMATS:
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=f"print {name}")
    parser.set_defaults(form="text")
    arguments = parser.parse_args()

    if arguments.predictions:
        comparison, pairs = of_files(arguments.predictions)
    else:
        comparison, pairs = of_experiments(arguments.rev, arguments.over or ["seed"])
    _warn(comparison.warnings)
    if arguments.tests:
        comparison = replace(comparison, rows=[])
        if not pairs:
            raise UserError("there is no pair to test: two systems with predictions of the same rows are needed")
    print(comparison_table.FORMATS[arguments.form](comparison, pairs))


def of_files(patterns: Sequence[str]) -> tuple[Comparison, list[Pair]]:
    """Compares systems that are given as NAME=GLOB."""
    found = systems.read(patterns)
    runs = [_run(name, seed, rows) for name, by_seed in found.items() for seed, rows in by_seed.items()]
    return compare.compare(runs), significance.pairs(found)


def _run(name: str, seed: str, rows: Sequence[Prediction]) -> Run:
    found = scores.points(rows)
    return Run(f"{name} {seed}".strip(), {"model": name, "task": "+".join(found), "seed": seed}, found)


def of_experiments(rev: str, over: Sequence[str]) -> tuple[Comparison, list[Pair]]:
    """Compares the experiments of a commit; the warnings name those that have no result."""
    found, baseline = experiments.experiments(rev)
    amiss = experiments.unfinished(found, baseline)
    finished = [experiment for experiment in found if experiment.state == "success"]
    try:
        comparison = compare.compare(
            [experiment.run for experiment in finished], list(dict.fromkeys(",".join(over).split(",")))
        )
    except UserError:
        _warn(amiss)
        raise
    pairs, untested = _tested(comparison, finished)
    return replace(comparison, warnings=[*amiss, *comparison.warnings, *untested]), pairs


def _tested(comparison: Comparison, finished: Sequence[Experiment]) -> tuple[list[Pair], list[str]]:
    """Tests the rows of a table that are measured on the same examples; says what cannot be tested."""
    commits = {experiment.run.name: experiment.commit or "" for experiment in finished}
    rivals = defaultdict(list)
    for row in comparison.rows:
        rivals[row.task, compare.data(row)].append(row)
    pairs: list[Pair] = []
    warnings: list[str] = []
    rows: dict[str, list[Prediction]] = {}
    for (task, _), group in rivals.items():
        if len(group) < 2:
            continue
        try:
            for name in (name for row in group for name in row.runs if name not in rows):
                with experiments.fetched(commits[name], PREDICTIONS) as folder:
                    rows[name] = read_predictions(folder)
            pairs += significance.pairs(
                {
                    compare.label(row): {
                        compare.spelled(over): [found for found in rows[name] if found.task == task]
                        for name, over in zip(row.runs, row.over, strict=True)
                    }
                    for row in group
                }
            )
        except UserError as error:
            warnings.append(f"{task}: no tests of pairs: {error}")
    return pairs, warnings


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"WARNING: {warning}", file=sys.stderr)


if __name__ == "__main__":
    run(main)

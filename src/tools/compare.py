"""Compares systems: mean and standard deviation over seeds, seen and unseen, beside baselines, and tests of each pair.

    python -m src.tools.compare                        # the experiments of a commit; --md, --latex, --csv, --json
    python -m src.tools.compare --rev HEAD~1           # experiments belong to the commit that they were queued from
    python -m src.tools.compare --over seed,prepare.fold
    python -m src.tools.compare --cost                 # what the workspace and the experiments took, and at what price
    python -m src.tools.compare --predictions ours='runs/ours-*.jsonl' theirs='theirs/seed-*/predictions'

A file of predictions is one run of its system, and so is a folder of such files; what * stands for is its seed. The
tables go to standard output, and all that is missing or amiss to standard error.
"""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from src.analysis import comparison_table, cost, grouping, scores, significance
from src.analysis.cost import Spent
from src.analysis.grouping import Comparison, Run
from src.analysis.significance import Pair
from src.core import config
from src.core.command import run
from src.core.config import CostParams
from src.core.files import read_json
from src.core.records import Prediction
from src.core.user_errors import UserError, unknown_name
from src.runs import experiments, systems
from src.runs.experiments import ENVIRONMENT, LOCK, PARAMS, PREDICTIONS, SEARCH
from src.tasks.prediction_file import read_predictions

GAPS = {"gap_absolute", "gap_percent"}  # what scores hold beside splits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rev", help="the commit whose experiments are compared; default: HEAD")
    parser.add_argument(
        "--over",
        action="append",
        metavar="PARAM",
        help="parameter to average over, such as prepare.fold; several: with commas, or --over again; default: seed",
    )
    parser.add_argument(
        "--predictions", nargs="+", metavar="NAME=GLOB", help="compare files of predictions in place of experiments"
    )
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--tests", action="store_true", help="the tests of every pair alone, without the means")
    alone.add_argument("--cost", action="store_true", help="wall time and cost alone, of the workspace too")
    form = parser.add_mutually_exclusive_group()
    for name in comparison_table.FORMATS:
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=f"print {name}")
    parser.set_defaults(form="text")
    arguments = parser.parse_args()

    if arguments.cost:
        if arguments.predictions or arguments.over:
            raise UserError(
                "--cost is of the workspace and of each experiment; --predictions and --over do not go with it"
            )
        prices = config.load(Path(PARAMS)).cost
        print(cost.FORMATS[arguments.form](cost.lines(_spent(arguments.rev, prices)), prices))
        return
    if arguments.predictions:
        if arguments.rev or arguments.over:
            raise UserError("--rev and --over are about experiments; of files, runs of a system are averaged")
        comparison, pairs, _ = of_files(arguments.predictions)
    else:
        comparison, pairs, _ = of_experiments(arguments.rev or "HEAD", arguments.over or ["seed"])
    _warn(comparison.warnings)
    if arguments.tests:
        comparison = replace(comparison, rows=[])
        if not pairs:
            raise UserError("there is no pair to test: two systems with predictions of the same rows are needed")
    print(comparison_table.FORMATS[arguments.form](comparison, pairs))


def of_files(patterns: Sequence[str]) -> tuple[Comparison, list[Pair], dict[str, list[Prediction]]]:
    """Compares systems that are given as NAME=GLOB.

    Returns:
        Means, tests, and {run: its rows}.
    """
    found = systems.read(patterns)
    runs = {_spelt(name, seed): rows for name, by_seed in found.items() for seed, rows in by_seed.items()}
    named = [_run(name, seed, rows) for name, by_seed in found.items() for seed, rows in by_seed.items()]
    comparison = grouping.compare(named)
    return replace(comparison, warnings=[*comparison.warnings, *_lacking(named)]), significance.pairs(found), runs


def _lacking(runs: Sequence[Run]) -> Iterator[str]:
    """Says which runs lack rows that others have: there they are not compared."""
    splits = {
        run.name: {f"{task} {split}" for task, found in run.scores.items() for split in found.keys() - GAPS}
        for run in runs
    }
    for place in sorted(set().union(*splits.values())):
        if lacking := [name for name, found in splits.items() if place not in found]:
            yield f"{', '.join(lacking)}: no rows of {place}, which others have"


def _spelt(name: str, seed: str) -> str:
    return f"{name}, {seed}" if seed else name


def _run(name: str, seed: str, rows: Sequence[Prediction]) -> Run:
    found = scores.points(rows)
    return Run(_spelt(name, seed), {"model": name, "task": "+".join(found), "seed": seed}, found)


def of_experiments(
    rev: str, over: Sequence[str], chosen: Sequence[str] = ()
) -> tuple[Comparison, list[Pair], dict[str, str]]:
    """Compares the experiments of a commit; the warnings name those that have no result.

    Args:
        chosen: names; none: all that ended with success.

    Returns:
        Means, tests, and {experiment: its commit}.
    """
    found, baseline = experiments.experiments(rev)
    amiss = experiments.unfinished(found, baseline)
    finished = {experiment.run.name: experiment for experiment in found if experiment.state == "success"}
    for name in chosen:
        if name not in finished:
            raise unknown_name(f"finished experiment of {rev}", name, finished)
    runs = [experiment.run for name, experiment in finished.items() if name in chosen or not chosen]
    try:
        comparison = grouping.compare(runs, list(dict.fromkeys(",".join(over).split(","))))
    except UserError:
        _warn(amiss)
        raise
    commits = {name: experiment.commit or "" for name, experiment in finished.items()}
    pairs, untested = _tested(comparison, commits)
    return replace(comparison, warnings=[*amiss, *comparison.warnings, *untested]), pairs, commits


def _tested(comparison: Comparison, commits: Mapping[str, str]) -> tuple[list[Pair], list[str]]:
    """Tests the rows of a table that are measured on the same examples; says what cannot be tested."""
    rivals = defaultdict(list)
    for row in comparison.rows:
        rivals[row.task, grouping.data(row)].append(row)
    pairs: list[Pair] = []
    warnings: list[str] = []
    rows: dict[str, list[Prediction]] = {}
    for (task, _), group in rivals.items():
        if len(group) < 2:
            continue
        try:
            for name in (name for row in group for name in row.runs if name not in rows):
                with experiments.fetched(commits[name], PREDICTIONS) as folder:
                    rows[name] = read_predictions(folder / PREDICTIONS)
            pairs += significance.pairs(
                {
                    row.name: {
                        grouping.spelled(over): [found for found in rows[name] if found.task == task]
                        for name, over in zip(row.runs, row.over, strict=True)
                    }
                    for row in group
                }
            )
        except UserError as error:
            warnings.append(f"{task}: no tests of pairs: {error}")
    return pairs, warnings


def _spent(rev: str | None, prices: CostParams) -> list[Spent]:
    """Reads what the workspace took, unless a commit is named, and what each of its experiments took."""
    found = []
    if rev is None and Path(ENVIRONMENT).is_file():
        found.append(_spent_in(Path(), "workspace", prices))
    elif rev is None:
        _warn(
            [f"the workspace is not in the table: {ENVIRONMENT} is missing; dvc repro train makes it, dvc pull gets it"]
        )
    try:
        listed, baseline = experiments.experiments(rev or "HEAD")
    except UserError as error:
        if not found:
            raise
        _warn([f"the workspace alone: {error}"])
        listed, baseline = [], {}
    _warn(experiments.unfinished(listed, baseline))
    for one in listed:
        if one.state == "success" and one.commit:
            with experiments.fetched(one.commit, LOCK, ENVIRONMENT, SEARCH) as folder:
                if (folder / ENVIRONMENT).is_file():
                    found.append(_spent_in(folder, one.run.name, prices))
                else:
                    _warn([f"{one.run.name} is not in the table: it trained nothing, and has no {ENVIRONMENT}"])
    for device in dict.fromkeys(one.device for one in found if one.train.per_hour is None):
        _warn([f"no price for {device}: add a word of its name to cost.per_hour of {PARAMS}"])
    return found


def _spent_in(folder: Path, name: str, prices: CostParams) -> Spent:
    environment = read_json(folder / ENVIRONMENT)
    trials = folder / SEARCH / "trials.csv"
    if not (folder / SEARCH / "study.json").is_file():
        return cost.spent(name, environment, prices)
    workers = experiments.locked_params(folder / LOCK)["hpo.workers"]
    with trials.open(encoding="utf-8", newline="") as file:
        return cost.spent(name, environment, prices, csv.DictReader(file), workers)


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"WARNING: {warning}", file=sys.stderr)


if __name__ == "__main__":
    run(main)

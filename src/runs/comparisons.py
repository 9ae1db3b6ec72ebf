"""Compares finished runs: experiments of DVC, or files of predictions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from src.analysis import grouping, scores, significance
from src.analysis.grouping import Comparison, Run
from src.analysis.significance import Pair
from src.core.command_line import warn
from src.core.records import Prediction
from src.core.user_errors import UserError, unknown_name
from src.runs import experiments, systems
from src.runs.paths import PREDICTIONS
from src.tasks.prediction_file import read_predictions

GAPS = {"gap_absolute", "gap_percent"}  # keys of scores that are not splits


def of_files(patterns: Sequence[str]) -> tuple[Comparison, list[Pair], dict[str, list[Prediction]]]:
    """Compares systems, each as NAME=GLOB.

    Returns:
        Means, tests, and {run: its rows}.
    """
    by_system = systems.read(patterns)
    rows = {_run_name(name, seed): rows for name, by_seed in by_system.items() for seed, rows in by_seed.items()}
    runs = [_run(name, seed, rows) for name, by_seed in by_system.items() for seed, rows in by_seed.items()]
    comparison = grouping.compare(runs)
    return replace(comparison, warnings=[*comparison.warnings, *_missing(runs)]), significance.pairs(by_system), rows


def _missing(runs: Sequence[Run]) -> Iterator[str]:
    """Warns of runs without rows of a task and split that other runs have."""
    splits = {
        run.name: {f"{task} {split}" for task, scored in run.scores.items() for split in scored.keys() - GAPS}
        for run in runs
    }
    for place in sorted(set().union(*splits.values())):
        if names := [name for name, places in splits.items() if place not in places]:
            yield f"{', '.join(names)}: no rows of {place}, but other runs have them"


def _run_name(name: str, seed: str) -> str:
    return f"{name}, {seed}" if seed else name


def _run(name: str, seed: str, rows: Sequence[Prediction]) -> Run:
    scored = scores.points(rows)
    return Run(_run_name(name, seed), {"model": name, "task": "+".join(scored), "seed": seed}, scored)


def of_experiments(
    rev: str, over: Sequence[str], names: Sequence[str] = ()
) -> tuple[Comparison, list[Pair], dict[str, str]]:
    """Compares the experiments of a commit. The warnings name the experiments without a result.

    Args:
        names: names of experiments. If it is empty, all experiments that finished successfully are compared.

    Returns:
        Means, tests, and {experiment: its commit}.
    """
    of_commit, baseline = experiments.experiments(rev)
    unfinished = experiments.unfinished(of_commit, baseline)
    finished = {experiment.run.name: experiment for experiment in of_commit if experiment.state == "success"}
    for name in names:
        if name not in finished:
            raise unknown_name(f"finished experiment of {rev}", name, finished)
    runs = [experiment.run for name, experiment in finished.items() if name in names or not names]
    try:
        comparison = grouping.compare(runs, list(dict.fromkeys(",".join(over).split(","))))
    except UserError:
        warn(unfinished)
        raise
    commits = {name: experiment.commit or "" for name, experiment in finished.items()}
    pairs, untested = _tested(comparison, commits)
    return replace(comparison, warnings=[*unfinished, *comparison.warnings, *untested]), pairs, commits


def _tested(comparison: Comparison, commits: Mapping[str, str]) -> tuple[list[Pair], list[str]]:
    """Tests the rows of a table that have the same examples. Returns the pairs, and warnings of failed tests."""
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
                        grouping.format_params(over): [
                            prediction for prediction in rows[name] if prediction.task == task
                        ]
                        for name, over in zip(row.runs, row.over, strict=True)
                    }
                    for row in group
                }
            )
        except UserError as error:
            warnings.append(f"{task}: pairs are not tested: {error}")
    return pairs, warnings

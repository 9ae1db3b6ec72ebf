"""Comparisons of finished runs: of DVC's experiments, or of files of predictions."""

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

GAPS = {"gap_absolute", "gap_percent"}  # what scores hold beside splits


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
        warn(amiss)
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
                        grouping.format_params(over): [found for found in rows[name] if found.task == task]
                        for name, over in zip(row.runs, row.over, strict=True)
                    }
                    for row in group
                }
            )
        except UserError as error:
            warnings.append(f"{task}: no tests of pairs: {error}")
    return pairs, warnings

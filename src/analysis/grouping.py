"""Groups experiments into the rows of a table: means, sample standard deviations, and warnings.

This module does not depend on DVC, on files, or on the format of the table.
"""

import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from src.core.config import OBSERVING_SECTIONS
from src.core.user_errors import UserError, unknown_name
from src.tasks import TASKS

SPLITS = {"seen": "test", "unseen": "unseen"}
COLUMNS = (*SPLITS, "gap")

NO_DIFFERENCE = (
    *(f"train.{name}." for name in OBSERVING_SECTIONS),
    "train.trainer.report_to",
)  # these parameters do not change training

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Run:
    """A finished experiment.

    Attributes:
        params: {dotted key: value}, as `flatten` returns it.
        scores: metrics/evaluate.json.
        sources: {path: hash} of the code and the data that its stages read and did not write.
        created: seconds since 1970. Of two runs with equal parameters, the later one counts.
    """

    name: str
    params: Mapping[str, Any]
    scores: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0


@dataclass(frozen=True)
class Statistic:
    """The mean and the sample standard deviation (ddof 1; None for a single value) over runs."""

    mean: float
    sd: float | None
    runs: int


@dataclass(frozen=True)
class Baseline:
    """The trivial baseline with the highest mean over the runs in one column."""

    name: str
    mean: float


@dataclass(frozen=True)
class Row:
    """One task of one group of runs.

    Attributes:
        settings: the parameters that differ between groups. All rows have the same keys in the same order. `model` is
            always a key. `task` is a key if there is a joint model, which has one row for each of its tasks.
        name: the model and the other settings that differ from the other rows of the task.
        runs: names of the runs, in the order of `over`.
        over: {parameter: value} for each run; the mean is over these.
        scores: {column: statistic}; None if no run has the score.
        baselines: {column of a split: best baseline}.
        best: the columns in which no other row of the same task on the same data has a higher mean. The column gap is
            never included, because a model that has learnt nothing has the smallest gap.
    """

    task: str
    metric: str
    settings: Mapping[str, Any]
    runs: tuple[str, ...]
    over: tuple[Mapping[str, Any], ...]
    scores: Mapping[str, Statistic | None]
    baselines: Mapping[str, Baseline | None]
    name: str = ""
    best: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Comparison:
    """Rows in a stable order, and warnings for the reader."""

    rows: list[Row]
    warnings: list[str]


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Converts nested parameters into one mapping with dotted keys and hashable values.

    >>> flatten({"model": "tiny", "train": {"epochs": 3, "betas": [0.9, 0.99], "trainer": {}}})
    {'model': 'tiny', 'train.epochs': 3, 'train.betas': (0.9, 0.99)}
    """
    flat: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = _hashable(value)
    return flat


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, Mapping):
        return tuple((key, _hashable(item)) for key, item in sorted(value.items()))
    return value


def differing(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the parameters that do not have the same value everywhere. A missing parameter has the value None.

    >>> differing([{"seed": 1, "model": "tiny"}, {"seed": 2, "model": "tiny", "train.betas": (0.9, 0.99)}])
    ['seed', 'train.betas']
    """
    names = {name: None for values in params for name in values}  # a dict keeps the order
    return [name for name in names if len({values.get(name) for values in params}) > 1]


def statistic(values: Sequence[float]) -> Statistic | None:
    """Returns the mean and the sample standard deviation. The order of the values does not change any digit.

    >>> statistic([2.0, 4.0, 9.0])
    Statistic(mean=5.0, sd=3.605551275463989, runs=3)
    >>> statistic([2.0])
    Statistic(mean=2.0, sd=None, runs=1)
    """
    if not values:
        return None
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Statistic(statistics.fmean(values), sd, len(values))


def compare(runs: Iterable[Run], over: Sequence[str] = ("seed",)) -> Comparison:
    """Groups runs by all parameters that differ, except those in `over`, and summarises each group and task.

    Parameters that do not change training (NO_DIFFERENCE) do not separate groups.

    Raises:
        UserError: there are no runs, no run has scores, or no run has a parameter of `over`.
    """
    runs = sorted(runs, key=lambda run: (run.created, run.name))
    if not runs:
        raise UserError("nothing to compare: no experiment has finished successfully. Run one with dvc exp run")
    _check_names(runs, over)
    differ = differing([run.params for run in runs])
    settings = [name for name in differ if name not in over and not name.startswith(NO_DIFFERENCE)]
    groups: dict[Key, list[Run]] = defaultdict(list)
    for run in runs:
        groups[tuple(run.params.get(name) for name in settings)].append(run)

    shown = _shown(runs, settings, over)
    rows: list[Row] = []
    blocks: list[Key] = []  # one for each row; rows with equal blocks have the same examples
    warnings: list[str] = []
    counted: dict[str, Run] = {}
    for key in sorted(groups, key=_order):
        for task, scored in _by_task(groups[key], warnings).items():
            latest = _latest(scored, over, warnings)
            counted |= {run.name: run for run in latest}
            rows.append(_row(task, latest, shown, over))
            blocks.append((task, *(v for name, v in zip(settings, key, strict=True) if name.startswith("prepare."))))
    if not rows:
        raise UserError(f"no experiment has scores. {'; '.join(warnings)}")

    rows = sorted(
        _named(_with_best(rows, blocks)),
        key=lambda row: (list(TASKS).index(row.task), _order(tuple(row.settings.values()))),
    )
    warnings = [*dict.fromkeys(warnings), *_unequal(rows), *_other_sources(list(counted.values()))]
    return Comparison(rows, warnings)


def data(row: Row) -> Key:
    """Returns the parameters of the data. Rows with equal ones have the same examples."""
    return tuple((name, value) for name, value in row.settings.items() if name.startswith("prepare."))


def _check_names(runs: Sequence[Run], over: Sequence[str]) -> None:
    known = {name: None for run in runs for name in run.params}
    for name in over:
        if name not in known:
            raise unknown_name("parameter", name, known)


def _shown(runs: Sequence[Run], settings: Sequence[str], over: Sequence[str]) -> list[str]:
    names = [name for name in ("model", *settings) if name not in ("task", *over)]
    joint = any("+" in str(run.params.get("task")) for run in runs)
    return [*(["task"] if joint else []), *dict.fromkeys(names)]


def _by_task(runs: Sequence[Run], warnings: list[str]) -> dict[str, list[Run]]:
    """Returns {task: the runs that have scores of it}. Warns of each run without scores of one of its tasks."""
    scored: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        for task in str(run.params.get("task")).split("+"):
            if task in TASKS and _is_scored(run.scores.get(task), TASKS[task].primary_metric):
                scored[task].append(run)
            else:
                warnings.append(f"{run.name} has no scores of task {task or '(no row has gold)'} and is omitted")
    return scored


def _is_scored(splits: Any, metric: str) -> bool:
    metrics = splits.values() if isinstance(splits, Mapping) else []
    return any(isinstance(split, Mapping) and _is_number(split.get(metric)) for split in metrics)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _latest(runs: Sequence[Run], over: Sequence[str], warnings: list[str]) -> list[Run]:
    """Returns the last run for each value of `over`, in order. Two runs of one seed are not two observations."""
    by_key: dict[Key, list[Run]] = defaultdict(list)
    for run in runs:
        by_key[tuple(run.params.get(name) for name in over)].append(run)
    for same in by_key.values():
        if len(same) > 1:
            names = ", ".join(run.name for run in same)
            warnings.append(f"{names} have the same parameters; only the last, {same[-1].name}, counts")
    return [by_key[key][-1] for key in sorted(by_key, key=_order)]


def _row(task: str, runs: Sequence[Run], shown: Sequence[str], over: Sequence[str]) -> Row:
    return Row(
        task=task,
        metric=TASKS[task].primary_metric,
        settings={name: runs[0].params.get(name) for name in shown},
        runs=tuple(run.name for run in runs),
        over=tuple({name: run.params.get(name) for name in over} for run in runs),
        scores={name: _mean([run.scores[task] for run in runs], task, name) for name in COLUMNS},
        baselines={name: _best_baseline(runs, task, name) for name in SPLITS},
    )


def _mean(systems: Sequence[Any], task: str, column: str) -> Statistic | None:
    values = [score(system, task, column) for system in systems]
    return statistic([value for value in values if value is not None])


def _best_baseline(runs: Sequence[Run], task: str, column: str) -> Baseline | None:
    systems: dict[str, list[Any]] = defaultdict(list)
    for run in runs:
        for name, system in run.scores.get("baselines", {}).get(task, {}).items():
            systems[name].append(system)
    means = {name: _mean(values, task, column) for name, values in sorted(systems.items())}
    baselines = [Baseline(name, statistic.mean) for name, statistic in means.items() if statistic]
    return max(baselines, key=lambda baseline: baseline.mean, default=None)


def score(system: Any, task: str, column: str) -> float | None:
    """Returns one figure of a model or baseline; None if it is missing or not a finite number.

    Args:
        system: {"test": {metric: value}, "unseen": {metric: value}, "gap_absolute": value}, as evaluate writes it.
        column: seen, unseen (the primary metric of that split) or gap (seen - unseen).
    """
    try:
        value = system["gap_absolute"] if column == "gap" else system[SPLITS[column]][TASKS[task].primary_metric]
    except (KeyError, TypeError):
        return None
    return float(value) if _is_number(value) else None


def _with_best(rows: Sequence[Row], blocks: Sequence[Key]) -> list[Row]:
    """Marks the best means. A mean without a rival in its block and column is not marked."""
    means: dict[Key, list[float]] = defaultdict(list)
    for row, block in zip(rows, blocks, strict=True):
        for column in SPLITS:
            if statistic := row.scores[column]:
                means[*block, column].append(statistic.mean)

    def is_best(row: Row, key: Key) -> bool:
        statistic = row.scores[key[-1]]
        return statistic is not None and len(means[key]) > 1 and statistic.mean == max(means[key])

    return [
        replace(row, best=frozenset(column for column in SPLITS if is_best(row, (*block, column))))
        for row, block in zip(rows, blocks, strict=True)
    ]


def _named(rows: Sequence[Row]) -> list[Row]:
    """Names each row by its model and the settings that differ between the rows of its task."""
    named = []
    for row in rows:
        names = differing([other.settings for other in rows if other.task == row.task])
        others = {name: row.settings[name] for name in names if name != "model"}
        model = [format_value(row.settings["model"])] if "model" in row.settings else []  # absent if in `over`
        named.append(replace(row, name=", ".join([*model, *([format_params(others)] if others else [])]) or row.task))
    return named


def _unequal(rows: Sequence[Row]) -> list[str]:
    """Warns of each group without a seed that another group on the same data has."""
    rivals: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        rivals[row.task, data(row)].append(row)
    lines = []
    for group in rivals.values():
        all_values = {tuple(values.values()): values for row in group for values in row.over}
        incomplete: dict[Key, list[str]] = defaultdict(list)
        for row in group:
            present = [tuple(values.values()) for values in row.over]
            if missing := tuple(key for key in sorted(all_values, key=_order) if key not in present):
                incomplete[missing].append(f"{row.task} ({format_params(row.settings)})" if row.settings else row.task)
        for missing, names in incomplete.items():
            absent = "; ".join(format_params(all_values[key]) for key in missing)
            lines.append(f"groups have different runs: no run of {absent} in {', '.join(names)}")
    return lines


def _other_sources(runs: Sequence[Run]) -> list[str]:
    """Warns of code and data that are not the same in all runs."""
    deviating: dict[Key, list[str]] = defaultdict(list)
    for path in sorted({path for run in runs for path in run.sources}):
        usual = Counter(run.sources[path] for run in runs if path in run.sources).most_common(1)[0][0]
        if others := tuple(sorted(run.name for run in runs if run.sources.get(path, usual) != usual)):
            deviating[others].append(path)
    return [
        f"runs have different code or data: {', '.join(paths)} in {', '.join(names)}"
        for names, paths in deviating.items()
    ]


def _order(key: Key) -> list[tuple[int, Any]]:
    """A sort key for values of any type: null, then numbers, then all other values as text."""
    return [
        (0, 0) if value is None else (1, value) if isinstance(value, int | float) else (2, format_value(value))
        for value in key
    ]


def format_params(params: Mapping[str, Any]) -> str:
    """Formats parameters as NAME=VALUE.

    >>> format_params({"model": "tiny", "train.class_weights": None})
    'model=tiny, train.class_weights=null'
    """
    return ", ".join(f"{name}={format_value(value)}" for name, value in params.items())


def format_value(value: Any) -> str:
    """Formats the value of a parameter as YAML.

    >>> format_value(None), format_value(True), format_value(3e-05), format_value((1, "a"))
    ('null', 'true', '3e-05', '[1, a]')
    """
    if isinstance(value, tuple):
        return f"[{', '.join(format_value(item) for item in value)}]"
    return str(value) if isinstance(value, str) else json.dumps(value, default=str)

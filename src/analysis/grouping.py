"""From experiments to rows of a table: groups, their means and sample standard deviations, and what is amiss with them.

Knows neither DVC nor files nor how a table is printed.
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

NO_DIFFERENCE = (*(f"train.{name}." for name in OBSERVING_SECTIONS), "train.trainer.report_to")

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Run:
    """An experiment that is finished.

    Attributes:
        params: {dotted key: value}, as `flatten` gives it.
        scores: metrics/evaluate.json.
        sources: {path: hash} of the code and the data that it did not make itself.
        created: seconds since 1970; of two runs of the same, the later one counts.
    """

    name: str
    params: Mapping[str, Any]
    scores: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0


@dataclass(frozen=True)
class Statistic:
    """Mean and sample standard deviation (ddof 1; None for a single value) over runs."""

    mean: float
    sd: float | None
    runs: int


@dataclass(frozen=True)
class Baseline:
    """The best trivial baseline of one column, and its mean over the runs."""

    name: str
    mean: float


@dataclass(frozen=True)
class Row:
    """One task of one group of runs.

    Attributes:
        settings: the parameters that tell the groups apart, the same keys in the same order in all rows. `model` is
            always there; `task` where a joint model is, whose rows are of one task each.
        name: its model, and all else that tells it from the other rows of its task.
        runs: names, in the order of `over`.
        over: what was averaged over, per run: {parameter: value}.
        scores: per column; None where no run has it.
        baselines: per split's column.
        best: the columns in which no other row of the same task on the same data has a higher mean. The gap is none of
            them: a model that has learnt nothing has the smallest.
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
    """Rows in a stable order, and what a reader of them must be told."""

    rows: list[Row]
    warnings: list[str]


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turns nested parameters into one mapping with dotted keys and values that can be hashed.

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
    """Returns the parameters that do not have one value throughout; an absent one has the value None.

    >>> differing([{"seed": 1, "model": "tiny"}, {"seed": 2, "model": "tiny", "train.betas": (0.9, 0.99)}])
    ['seed', 'train.betas']
    """
    names = {name: None for found in params for name in found}  # a dict, for its order
    return [name for name in names if len({found.get(name) for found in params}) > 1]


def statistic(values: Sequence[float]) -> Statistic | None:
    """Returns mean and sample standard deviation, both exactly rounded, so that the order of the values is nothing.

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
    """Groups runs by every parameter that differs, but for those in `over`, and summarises each group and task.

    What changes nothing of what is learnt parts no groups.

    Raises:
        UserError: no run, or none that has scores; a parameter of `over` that no run has.
    """
    runs = sorted(runs, key=lambda run: (run.created, run.name))
    if not runs:
        raise UserError("no experiment has ended with success, so there is nothing to compare")
    _check_names(runs, over)
    differ = differing([run.params for run in runs])
    settings = [name for name in differ if name not in over and not name.startswith(NO_DIFFERENCE)]
    groups: dict[Key, list[Run]] = defaultdict(list)
    for run in runs:
        groups[tuple(run.params.get(name) for name in settings)].append(run)

    shown = _shown(runs, settings, over)
    rows: list[Row] = []
    blocks: list[Key] = []  # per row: what must be equal for two rows to be measured on the same examples
    warnings: list[str] = []
    counted: dict[str, Run] = {}
    for key in sorted(groups, key=_order):
        for task, able in _by_task(groups[key], warnings).items():
            kept = _one_per_key(able, over, warnings)
            counted |= {run.name: run for run in kept}
            rows.append(_row(task, kept, shown, over))
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
    """What must be equal for two rows to be measured on the same examples."""
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
    """{task: the runs that have scores of it}; a run without scores of one of its tasks is named."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        for task in str(run.params.get("task")).split("+"):
            if task in TASKS and _is_scored(run.scores.get(task), TASKS[task].primary_metric):
                found[task].append(run)
            else:
                warnings.append(f"{run.name} has no scores of task {task or '(no row has gold)'} and is left out")
    return found


def _is_scored(splits: Any, metric: str) -> bool:
    found = splits.values() if isinstance(splits, Mapping) else []
    return any(isinstance(split, Mapping) and _number(split.get(metric)) for split in found)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _one_per_key(runs: Sequence[Run], over: Sequence[str], warnings: list[str]) -> list[Run]:
    """The last run for each value of `over`, in their order: a seed that was run twice is one observation, not two."""
    found: dict[Key, list[Run]] = defaultdict(list)
    for run in runs:
        found[tuple(run.params.get(name) for name in over)].append(run)
    for same in found.values():
        if len(same) > 1:
            names = ", ".join(run.name for run in same)
            warnings.append(f"{names} have the same parameters; only the last, {same[-1].name}, counts")
    return [found[key][-1] for key in sorted(found, key=_order)]


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
    means = {name: _mean(found, task, column) for name, found in sorted(systems.items())}
    baselines = [Baseline(name, found.mean) for name, found in means.items() if found]
    return max(baselines, key=lambda baseline: baseline.mean, default=None)


def score(system: Any, task: str, column: str) -> float | None:
    """Returns one figure of a model or baseline; None where it is missing or no finite number.

    Args:
        system: {"test": {metric: value}, "unseen": {metric: value}, "gap_absolute": value}, as evaluate writes it.
        column: seen or unseen: the primary metric; gap: seen - unseen.
    """
    try:
        value = system["gap_absolute"] if column == "gap" else system[SPLITS[column]][TASKS[task].primary_metric]
    except (KeyError, TypeError):
        return None
    return float(value) if _number(value) else None


def _with_best(rows: Sequence[Row], blocks: Sequence[Key]) -> list[Row]:
    """Marks the best means; one that is alone in its block and column has nothing to be better than."""
    means: dict[Key, list[float]] = defaultdict(list)
    for row, block in zip(rows, blocks, strict=True):
        for column in SPLITS:
            if found := row.scores[column]:
                means[*block, column].append(found.mean)

    def is_best(row: Row, key: Key) -> bool:
        found = row.scores[key[-1]]
        return found is not None and len(means[key]) > 1 and found.mean == max(means[key])

    return [
        replace(row, best=frozenset(column for column in SPLITS if is_best(row, (*block, column))))
        for row, block in zip(rows, blocks, strict=True)
    ]


def _named(rows: Sequence[Row]) -> list[Row]:
    """Names each row by its model and what differs among the rows of its task."""
    named = []
    for row in rows:
        told_by = differing([other.settings for other in rows if other.task == row.task])
        others = {name: row.settings[name] for name in told_by if name != "model"}
        model = [spell(row.settings["model"])] if "model" in row.settings else []  # not where it is averaged over
        named.append(replace(row, name=", ".join([*model, *([spelled(others)] if others else [])]) or row.task))
    return named


def _unequal(rows: Sequence[Row]) -> list[str]:
    """Says which groups lack a seed that another on the same data has: their means are not over the same."""
    rivals: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        rivals[row.task, data(row)].append(row)
    lines = []
    for group in rivals.values():
        every = {tuple(values.values()): values for row in group for values in row.over}
        lacking: dict[Key, list[str]] = defaultdict(list)
        for row in group:
            own = [tuple(values.values()) for values in row.over]
            if missing := tuple(key for key in sorted(every, key=_order) if key not in own):
                lacking[missing].append(f"{row.task} ({spelled(row.settings)})" if row.settings else row.task)
        for missing, found in lacking.items():
            absent = "; ".join(spelled(every[key]) for key in missing)
            lines.append(f"groups have unequal runs: no run of {absent} in {', '.join(found)}")
    return lines


def _other_sources(runs: Sequence[Run]) -> list[str]:
    """Says which code and data are not the same in all runs."""
    deviating: dict[Key, list[str]] = defaultdict(list)
    for path in sorted({path for run in runs for path in run.sources}):
        usual = Counter(run.sources[path] for run in runs if path in run.sources).most_common(1)[0][0]
        if others := tuple(sorted(run.name for run in runs if run.sources.get(path, usual) != usual)):
            deviating[others].append(path)
    return [
        f"runs are not of the same code or data: {', '.join(paths)} in {', '.join(names)}"
        for names, paths in deviating.items()
    ]


def _order(key: Key) -> list[tuple[int, Any]]:
    """A sort key for values of any type: null, then numbers, then all else by its spelling."""
    return [
        (0, 0) if value is None else (1, value) if isinstance(value, int | float) else (2, spell(value))
        for value in key
    ]


def spelled(params: Mapping[str, Any]) -> str:
    """Spells parameters as one would write them.

    >>> spelled({"model": "tiny", "train.class_weights": None})
    'model=tiny, train.class_weights=null'
    """
    return ", ".join(f"{name}={spell(value)}" for name, value in params.items())


def spell(value: Any) -> str:
    """Spells a parameter's value as YAML does.

    >>> spell(None), spell(True), spell(3e-05), spell((1, "a"))
    ('null', 'true', '3e-05', '[1, a]')
    """
    if isinstance(value, tuple):
        return f"[{', '.join(spell(item) for item in value)}]"
    return str(value) if isinstance(value, str) else json.dumps(value, default=str)

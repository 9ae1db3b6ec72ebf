"""Scores of a task on each split: all metrics, a bootstrap interval, the gap between seen and unseen groups."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from src.core.records import SPLITS, Prediction
from src.tasks import TASKS
from src.tasks.task import Task

MOST_WEIGHTS = 10_000_000  # in memory at once while rows are resampled: 80 MB
SEED = 0  # of the bootstrap: equal predictions always have equal intervals


def evaluate(task: Task, splits: Mapping[str, Sequence[Prediction]], bootstrap_samples: int) -> dict[str, Any]:
    """Scores each split, and the gap between seen and unseen. The order of rows does not change any digit.

    Args:
        splits: {split: its rows}. Rows without gold are skipped. Splits in which no row has gold are skipped.

    Returns:
        {split: {metric: value}}, `gap_absolute` and `gap_percent`. In a split, `<primary metric>_interval` has both
        ends of the 95 % interval. `confusion` has gold labels as rows and predicted labels as columns, in the order
        of `confusion_labels`. These are lists, which DVC omits from its tables of metrics.
    """
    primary = f"{task.primary_metric}_interval"
    scores = {
        name: task.score(rows) | {primary: interval(task, rows, bootstrap_samples)} | confusion(task, rows)
        for name, rows in ((name, sorted(with_gold(rows), key=lambda row: row.id)) for name, rows in splits.items())
        if rows
    }
    return scores | gap(task.primary_metric, scores)


def evaluate_tasks(rows: Sequence[Prediction], bootstrap_samples: int) -> dict[str, Any]:
    """Returns {task: the result of `evaluate`}. The rows may be of several tasks and splits."""
    return {name: evaluate(TASKS[name], splits, bootstrap_samples) for name, splits in by_task(rows).items()}


def by_task(rows: Sequence[Prediction]) -> dict[str, dict[str, list[Prediction]]]:
    """Sorts rows into {task: {split: rows}}. Splits with other names than SPLITS come last."""
    tasks: dict[str, dict[str, list[Prediction]]] = {name: {split: [] for split in SPLITS} for name in TASKS}
    for row in rows:
        tasks[row.task].setdefault(row.split, []).append(row)
    return {
        task: {split: members for split, members in splits.items() if members}
        for task, splits in tasks.items()
        if any(splits.values())
    }


def points(rows: Sequence[Prediction]) -> dict[str, Any]:
    """Scores rows without intervals: {task: {split: {metric: value}, gap_absolute: value}}."""
    result = {}
    for name, splits in by_task(with_gold(rows)).items():
        scored = {split: TASKS[name].score(members) for split, members in splits.items()}
        result[name] = scored | gap(TASKS[name].primary_metric, scored)
    return result


def with_gold(rows: Sequence[Prediction]) -> list[Prediction]:
    """Returns the rows that have gold."""
    return [row for row in rows if row.gold is not None]


def interval(task: Task, rows: Sequence[Prediction], samples: int, seed: int = SEED) -> tuple[float, float]:
    """Returns the 2.5 and 97.5 percentiles of the primary metric over resampled rows. Their order does not matter.

    Source: Efron 1979, the percentile bootstrap, over examples.
    """
    tally = task.tally(sorted(rows, key=lambda row: row.id))
    low, high = np.percentile(resampled(task, tally, samples, seed), [2.5, 97.5])
    return float(low), float(high)


def resampled(task: Task, tally: np.ndarray, samples: int, seed: int = SEED) -> np.ndarray:
    """Returns the primary metric of each of `samples` draws of N rows out of N, with replacement.

    With one seed, tallies of equal length get the same draws. This makes the bootstrap of two systems paired.

    Shape: tally (N, C, K), as `Task.tally` gives it, to (samples,).
    """
    random = np.random.default_rng(seed)
    even = np.full(len(tally), 1 / len(tally))
    at_once = max(1, MOST_WEIGHTS // len(tally))
    sizes = [min(at_once, samples - start) for start in range(0, samples, at_once)]
    draws = (random.multinomial(len(tally), even, size=size) for size in sizes)
    return np.concatenate([task.primary(np.tensordot(weights, tally, axes=1)) for weights in draws])


def confusion(task: Task, rows: Sequence[Prediction]) -> dict[str, Any]:
    """Counts (gold, predicted) over the full label set."""
    pairs = task.confusion(rows)
    label_set = task.label_set(rows)
    labels = [*label_set, *sorted({label for pair in pairs for label in pair} - set(label_set))]
    counts = dict.fromkeys(((gold, predicted) for gold in labels for predicted in labels), 0)
    for pair in pairs:
        counts[pair] += 1
    return {
        "confusion_labels": labels,
        "confusion": [[counts[gold, predicted] for predicted in labels] for gold in labels],
    }


def gap(primary_metric: str, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Returns the difference between seen and unseen groups. The result is empty if a split is missing.

    Args:
        scores: {split: {metric: value}}.

    >>> gap("f1_macro", {"test": {"f1_macro": 0.8}, "unseen": {"f1_macro": 0.6}})["gap_percent"].__round__(6)
    25.0
    """
    if "test" not in scores or "unseen" not in scores:
        return {}
    seen, unseen = scores["test"][primary_metric], scores["unseen"][primary_metric]
    absolute = {"gap_absolute": seen - unseen}
    return absolute | ({"gap_percent": (seen - unseen) / seen * 100} if seen else {})


def primary(rows: Sequence[Prediction]) -> float:
    """Returns the primary metric. All rows are of one task and have gold."""
    task = TASKS[rows[0].task]
    return float(task.primary(task.tally(rows).sum(axis=0)))


class Running:
    """Computes the primary metric of each task in constant memory, while rows arrive in parts."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray] = {}
        self._rows: Counter[str] = Counter()

    def add(self, rows: Sequence[Prediction]) -> None:
        """Adds rows. Rows without gold are skipped. Rows of labels must have probabilities of all labels."""
        for row in with_gold(rows):
            tally = TASKS[row.task].tally([row])[0]
            self._counts[row.task] = self._counts.get(row.task, 0) + tally
            self._rows[row.task] += 1

    def scores(self) -> list[tuple[str, str, float, int]]:
        """Returns a tuple for each task: task, metric, value, number of rows with gold."""
        return [
            (name, TASKS[name].primary_metric, float(TASKS[name].primary(counts)), self._rows[name])
            for name, counts in self._counts.items()
        ]


def by_group(task: Task, rows: Sequence[Prediction]) -> dict[str, float]:
    """Returns the primary metric of each group that has rows, worst first."""
    groups: dict[str, list[Prediction]] = defaultdict(list)
    for row in with_gold(rows):
        if row.group is not None:
            groups[row.group].append(row)
    scores = {group: primary(members) for group, members in groups.items()}
    return dict(sorted(scores.items(), key=lambda item: (item[1], item[0])))

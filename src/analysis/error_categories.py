"""Categories of mistakes, as each task defines them: counts, shares, and the most confident mistakes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from src.core.records import Prediction
from src.tasks import TASKS


def categories(rows: Sequence[Prediction]) -> list[str]:
    """Returns the category of each row. There is at least one row; all are of one task and have a gold answer."""
    return TASKS[rows[0].task].categories(rows)


def count(rows: Sequence[Prediction]) -> dict[str, int]:
    """Counts the rows of each category. Categories of a group are always listed, others if they occur."""
    task = TASKS[rows[0].task]
    counts = Counter(categories(rows))
    fixed = [task.right, *(name for names in task.category_groups.values() for name in names)]
    return {name: counts[name] for name in [*fixed, *sorted(counts.keys() - set(fixed))]}


def grouped(task: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Sums the categories of each group. A category without a group keeps its own count."""
    group_of = {name: group for group, names in TASKS[task].category_groups.items() for name in names}
    sums: dict[str, int] = defaultdict(int)
    for name, number in counts.items():
        sums[group_of.get(name, name)] += number
    return dict(sums)


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Returns each category's share of all rows, in [0, 1].

    >>> shares({"PERFECT": 3, "MISS": 1})
    {'PERFECT': 0.75, 'MISS': 0.25}
    """
    total = sum(counts.values())
    return {name: number / total if total else 0.0 for name, number in counts.items()}


def table(task: str, counts: Mapping[str, int]) -> dict[str, tuple[int, float]]:
    """Returns the rows and the share of each category, then of each group of categories, named `= GROUP`."""
    sums = {f"= {name}": number for name, number in grouped(task, counts).items() if name not in counts}
    total = sum(counts.values())
    return {name: (number, number / total) for name, number in {**counts, **sums}.items()}


def by(rows: Sequence[Prediction], key: Callable[[Prediction], Any]) -> dict[Any, dict[str, int]]:
    """Counts the categories for each key, in the order of the keys. Rows with the key None are skipped."""
    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for row, category in zip(rows, categories(rows), strict=True):
        if key(row) is not None:
            counts[key(row)][category] += 1
    names = list(count(rows))
    return {value: {name: counts[value][name] for name in names} for value in sorted(counts)}


def most_confident(rows: Sequence[Prediction], limit: int) -> list[tuple[Prediction, str]]:
    """Returns the most confident mistakes and their categories. Mistakes of equal confidence are sorted by id."""
    task = TASKS[rows[0].task]
    mistakes = [(row, category) for row, category in zip(rows, categories(rows), strict=True) if category != task.right]
    return sorted(mistakes, key=lambda mistake: (-(task.confidence(mistake[0]) or 0.0), mistake[0].id))[:limit]

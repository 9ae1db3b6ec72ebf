"""Prints a breakdown: the scores and errors of the splits side by side, then every group, worst first."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from src.analysis import error_categories
from src.analysis.tables import TEXT
from src.tasks import TASKS

Splits = Mapping[str, Mapping[str, Any]]


def text(name: str, result: Mapping[str, Any]) -> str:
    """Renders the tables of every task. `name` is the name of the system."""
    return "\n\n".join(part for task, scored in result.items() for part in _task(name, task, scored))


def _task(name: str, task: str, scored: Mapping[str, Any]) -> Iterator[str]:
    splits = {split: values for split, values in scored["splits"].items() if values["rows"]}
    if not splits:
        yield f"{name}: {task}: nothing to score, because no row has a gold answer"
        return
    yield f"{name}: {task}" + (f", gap {scored['gap_absolute']:+.3f}" if "gap_absolute" in scored else "")
    yield _scores(splits)
    yield categories(task, {split: values["errors"]["counts"] for split, values in splits.items()})
    if any(values["groups"] for values in splits.values()):
        yield _groups(TASKS[task].primary_metric, splits)


def _scores(splits: Splits) -> str:
    lines = _lines(splits, lambda values: {"rows": values["rows"]}, str)
    lines += _lines(splits, lambda values: values["scores"], _number)
    lines += _lines(splits, lambda values: _beyond_bins(values["calibration"] or {}), _number)
    return TEXT.table(["metric", *splits], lines)


def _beyond_bins(calibration: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value for name, value in calibration.items() if name not in ("ece", "bins")
    }  # ece is among the scores


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else f"{value[0]:.4f} to {value[1]:.4f}"


def categories(task: str, counts: Mapping[str, Mapping[str, int]]) -> str:
    """Renders the counts and shares of each category in each split, then the sums of each group of categories."""
    tables = {split: error_categories.table(task, rows) for split, rows in counts.items()}
    lines = _lines(tables, dict, lambda cell: f"{cell[0]} ({cell[1]:.1%})")
    return TEXT.table(["category", *counts], lines)


def _lines(
    splits: Mapping[str, Any], figures: Callable[[Any], Mapping[str, Any]], format_cell: Callable[[Any], str]
) -> list[list[str]]:
    """One line for each figure, one column for each split."""
    names = dict.fromkeys(name for values in splits.values() for name in figures(values))
    return [
        [name, *(format_cell(figures(values)[name]) if name in figures(values) else "-" for values in splits.values())]
        for name in names
    ]


def _groups(metric: str, splits: Splits) -> str:
    lines = [
        [split, group, str(figures["rows"]), f"{figures[metric]:.4f}"]
        for split, values in splits.items()
        for group, figures in sorted(values["groups"].items(), key=lambda item: (item[1][metric], item[0]))
    ]
    return TEXT.table(["split", "group", "rows", metric], lines)

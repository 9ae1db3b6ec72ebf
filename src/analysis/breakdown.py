"""The full evaluation of predictions: scores of each split and group, errors, calibration."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from src.analysis import error_categories, scores
from src.analysis.calibration import calibration
from src.core.records import Prediction
from src.tasks import TASKS


def breakdown(rows: Sequence[Prediction], bootstrap_samples: int) -> dict[str, Any]:
    """Scores rows. The rows may be of several tasks and splits.

    Returns:
        {task: {splits: {split: ...}, gap_absolute, gap_percent}}. In a split: `rows`, `without_gold`, `scores`,
        `confusion` and `confusion_labels`, `errors` (`counts`, `shares` in [0, 1], and `groups`, the sums of the
        counts), `calibration` (null without probabilities of labels), `groups` ({group: its rows and scores}).
    """
    result = {}
    for name, splits in scores.by_task(rows).items():
        scored = scores.evaluate(TASKS[name], splits, bootstrap_samples)
        result[name] = {
            "splits": {split: _split(name, members, scored.pop(split, {})) for split, members in splits.items()},
            **scored,
        }
    return result


def _split(task: str, rows: Sequence[Prediction], scored: dict[str, Any]) -> dict[str, Any]:
    usable = scores.with_gold(rows)
    if not usable:
        return {"rows": 0, "without_gold": len(rows)}
    confusion = {name: scored.pop(name) for name in list(scored) if name.startswith("confusion")}
    counts = error_categories.count(usable)
    measured = calibration(usable)
    return {
        "rows": len(usable),
        "without_gold": len(rows) - len(usable),
        "scores": scored,
        **confusion,
        "errors": {
            "counts": counts,
            "shares": error_categories.shares(counts),
            "groups": error_categories.grouped(task, counts),
        },
        "calibration": measured and measured._asdict() | {"bins": [part._asdict() for part in measured.bins]},
        "groups": {group: {"rows": n} | values for group, n, values in _groups(task, usable)},
    }


def _groups(task: str, rows: Sequence[Prediction]) -> Iterator[tuple[str, int, dict[str, float]]]:
    groups: dict[str, list[Prediction]] = defaultdict(list)
    for row in rows:
        if row.group is not None:
            groups[row.group].append(row)
    for group in sorted(groups):
        yield group, len(groups[group]), TASKS[task].score(groups[group])


def flat(result: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, float]]:
    """Yields every figure of a breakdown as (task, split, group, metric, value); the group of a whole split is ''."""
    for task, scored in result.items():
        for split, values in scored["splits"].items():
            yield from ((task, split, "", metric, value) for metric, value in _of_split(values))
            for group, figures in values.get("groups", {}).items():
                yield from ((task, split, group, metric, value) for metric, value in figures.items())
        yield from ((task, "", "", name, scored[name]) for name in ("gap_absolute", "gap_percent") if name in scored)


def _of_split(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield "rows", values["rows"]
    yield "without_gold", values["without_gold"]
    for metric, value in values.get("scores", {}).items():
        if isinstance(value, float):
            yield metric, value
        else:  # an interval
            yield from zip((f"{metric}_low", f"{metric}_high"), value, strict=True)
    for kind, figures in values.get("errors", {}).items():
        yield from ((f"errors_{kind}_{name}", value) for name, value in figures.items())
    if values.get("calibration"):
        yield from ((name, values["calibration"][name]) for name in ("mce", "brier"))

"""Compares predictions with the data: every id of every evaluated split is predicted once for each task."""

from collections import defaultdict
from collections.abc import Iterator

from src.core.check_result import CheckResult
from src.core.records import Prediction
from src.runs.checks.reporting import red_flag_or_ok, shown
from src.runs.checks.subject import Subject


def predictions(subject: Subject) -> CheckResult:
    """The predictions are valid, have no id twice, and have all ids of each split."""
    rows = subject.predictions
    counts = {split: len(examples) for split, examples in subject.examples.items()}
    return red_flag_or_ok(
        _faults(subject, rows),
        f"every id of {', '.join(f'{split} ({count})' for split, count in counts.items())} is predicted once per task",
        rows=len(rows),
        ids=counts,
    )


def _faults(subject: Subject, rows: list[Prediction]) -> Iterator[str]:
    predicted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        predicted[row.split, row.task].add(row.id)
    for split in sorted({split for split, _ in predicted} - subject.examples.keys()):
        yield f"{split}: the predictions have this split, the data do not"
    for split, examples in subject.examples.items():
        ids = {example.id for example in examples}
        for task in subject.ran_with("task").split("+"):
            if missing := sorted(ids - predicted[split, task]):
                yield f"{task} {split}: {len(missing)} of {len(ids)} ids are not predicted: {shown(missing)}"
            if unknown := sorted(predicted[split, task] - ids):
                yield f"{task} {split}: {len(unknown)} ids are not in the data: {shown(unknown)}"

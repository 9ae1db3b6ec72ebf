"""Files of predictions: JSON Lines, a row per input and task. Analysis, ensembles and reports read nothing else."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from src.core.files import write_lines
from src.core.records import Prediction, explain, read_lines
from src.core.user_errors import UserError, unknown_name
from src.tasks import TASKS
from src.tasks.prediction_row import PredictionRow


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Writes one prediction a line, sorted by id and task; the fields of other tasks are left out."""
    write_lines(path, map(as_line, sorted(predictions, key=lambda row: (row.id, row.task))))


REQUIRED = tuple(field.name for field in fields(Prediction))[:7]


def as_line(row: Prediction) -> str:
    """Returns a prediction as it stands in a file.

    Raises:
        ValueError: a figure is NaN or infinite.
    """
    values = {name: value for name, value in asdict(row).items() if name != "labels"}
    present = {name: value for name, value in values.items() if name in REQUIRED or value is not None}
    return json.dumps(present, ensure_ascii=False, allow_nan=False)


def read_predictions(path: Path) -> list[Prediction]:
    """Reads a file of predictions, or all *.jsonl of a folder as one; fields that are not ours are passed over.

    Raises:
        UserError: no such file, a line that is no Prediction, an id that stands twice in one split and task, no line.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"{path} is a folder without a file of predictions (*.jsonl)")
    rows: list[Prediction] = []
    places: dict[tuple[str, str, str], str] = {}
    for file in files:
        for number, found in read_lines(file, "Prediction", TypeAdapter(dict[str, Any])):
            place = f"{file}, line {number}"
            row = _prediction(place, found)
            first = places.setdefault((row.split, row.task, row.id), place)
            if first != place:
                raise UserError(f"{place}: id '{row.id}' stands already in {first}, in the same split and task")
            rows.append(row)
    if not rows:
        raise UserError(f"{path} holds no predictions")
    return with_labels(rows, label_sets_of(rows))


def label_sets_of(rows: Iterable[Prediction]) -> dict[str, tuple[str, ...]]:
    """Returns the label set of each task in the rows. It is empty for a task without a closed set of labels."""
    by_task: dict[str, list[Prediction]] = defaultdict(list)
    for row in rows:
        by_task[row.task].append(row)
    return {task: TASKS[task].label_set(members) for task, members in by_task.items()}


def with_labels(rows: Iterable[Prediction], labels: Mapping[str, Sequence[str]]) -> list[Prediction]:
    """Gives rows the label set of their task, so that any part of them is scored over the same labels."""
    return [replace(row, labels=tuple(labels[row.task])) if labels.get(row.task) else row for row in rows]


def _prediction(place: str, found: dict[str, Any]) -> Prediction:
    task = str(found.get("task"))
    if "task" in found and task not in TASKS:
        raise UserError(f"{place}: {unknown_name('task', task, TASKS)}")
    try:
        row = TASKS[task].prediction_row if task in TASKS else PredictionRow
        return row.model_validate(found).prediction()
    except ValidationError as error:
        raise UserError(f"{place} is not a valid Prediction: {explain(error)}") from error

"""Files of predictions: JSON Lines, one row per input and task. Analysis, ensembles and reports read only these."""

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
    """Writes one prediction per line, sorted by id and task. The fields of other tasks are omitted."""
    write_lines(path, map(as_line, sorted(predictions, key=lambda row: (row.id, row.task))))


REQUIRED = tuple(field.name for field in fields(Prediction))[:7]


def as_line(row: Prediction) -> str:
    """Returns a prediction as a line of the file.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    values = {name: value for name, value in asdict(row).items() if name != "labels"}
    present = {name: value for name, value in values.items() if name in REQUIRED or value is not None}
    return json.dumps(present, ensure_ascii=False, allow_nan=False)


def read_predictions(path: Path) -> list[Prediction]:
    """Reads a file of predictions, or all *.jsonl of a folder as one file. Unknown fields are ignored.

    Raises:
        UserError: the file is missing or empty, a line is not a valid Prediction, or an id occurs twice in the same
            split and task.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"{path} is a folder without files of predictions (*.jsonl)")
    rows: list[Prediction] = []
    places: dict[tuple[str, str, str], str] = {}
    for file in files:
        for number, values in read_lines(file, "Prediction", TypeAdapter(dict[str, Any])):
            place = f"{file}, line {number}"
            row = _prediction(place, values)
            first = places.setdefault((row.split, row.task, row.id), place)
            if first != place:
                raise UserError(f"{place}: id '{row.id}' already occurs in {first}, in the same split and task")
            rows.append(row)
    if not rows:
        raise UserError(f"{path} contains no predictions")
    return with_labels(rows, label_sets_of(rows))


def label_sets_of(rows: Iterable[Prediction]) -> dict[str, tuple[str, ...]]:
    """Returns the label set of each task in the rows. It is empty for a task without a closed set of labels."""
    by_task: dict[str, list[Prediction]] = defaultdict(list)
    for row in rows:
        by_task[row.task].append(row)
    return {task: TASKS[task].label_set(members) for task, members in by_task.items()}


def with_labels(rows: Iterable[Prediction], labels: Mapping[str, Sequence[str]]) -> list[Prediction]:
    """Adds the label set of the task to each row, so that any subset of rows is scored over the same labels."""
    return [replace(row, labels=tuple(labels[row.task])) if labels.get(row.task) else row for row in rows]


def _prediction(place: str, values: dict[str, Any]) -> Prediction:
    task = str(values.get("task"))
    if "task" in values and task not in TASKS:
        raise UserError(f"{place}: {unknown_name('task', task, TASKS)}")
    try:
        row = TASKS[task].prediction_row if task in TASKS else PredictionRow
        return row.model_validate(values).prediction()
    except ValidationError as error:
        raise UserError(f"{place} is not a valid Prediction: {explain(error)}") from error

"""Checks that the model, the data and the predictions have the same label sets."""

from collections.abc import Iterator, Mapping, Sequence

from src import tasks
from src.core.check_result import CheckResult
from src.core.files import read_json
from src.core.records import Prediction
from src.runs.checks.reporting import NotApplicableError, red_flag_or_ok, shown
from src.runs.checks.subject import Subject
from src.runs.paths import DATA
from src.tasks import TASKS

Labels = Mapping[str, Sequence[str]]  # {task: its label set, in the order of the logits}


def labels(subject: Subject) -> CheckResult:
    """The model has the labels of the data in the same order, and the predictions have no other labels."""
    data = _of_data(subject)
    model, rows = _of_model(subject), _rows(subject)
    if not model and not rows:
        raise NotApplicableError("there is neither a model nor predictions to compare with the data")
    faults = [
        f"{task}: the model has {', '.join(model[task])}, the data have {', '.join(data[task])}"
        for task in model
        if task in data and list(model[task]) != list(data[task])
    ]
    if model and model.keys() != data.keys():
        faults.append(f"the model has the task {'+'.join(model)}, the run has the task {'+'.join(data)}")
    compared = [name for name, part in (("model", model), ("data", data), ("predictions", rows)) if part]
    message = f"{', '.join(compared)} have the same labels: {_format(data)}"
    return red_flag_or_ok([*faults, *_unknown_labels(rows, data)], message, **data)


def _of_data(subject: Subject) -> Labels:
    return tasks.label_sets(
        tasks.parse(subject.ran_with("task")), subject.train, read_json(subject.path(DATA) / "labels.json")
    )


def _of_model(subject: Subject) -> Labels:
    try:
        return subject.checkpoint.labels
    except NotApplicableError:
        return {}


def _rows(subject: Subject) -> list[Prediction]:
    try:
        return subject.rows
    except NotApplicableError:
        return []


def _unknown_labels(rows: Sequence[Prediction], data: Labels) -> Iterator[str]:
    for name in data:
        if not TASKS[name].labelled:
            continue  # its labels name the logits; its predictions are positions, not labels
        with_gold = [row for row in rows if row.task == name and row.gold is not None]
        occurring = {label for pair in TASKS[name].confusion(with_gold) for label in pair}
        if unknown := sorted(occurring - set(data[name])):
            yield f"{name}: the predictions have labels that the data do not have: {shown(unknown)}"


def _format(labels: Labels) -> str:
    return "; ".join(f"{task} {', '.join(names)}" for task, names in labels.items())

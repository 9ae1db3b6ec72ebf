"""Label sets: the model, the data and the predictions mean the same by them."""

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
    """The model has the labels of the data in their order, and the predictions have no other."""
    data = _of_data(subject)
    model, rows = _of_model(subject), _rows(subject)
    if not model and not rows:
        raise NotApplicableError("neither a model nor predictions are there to compare with the data")
    faults = [
        f"{task}: the model has {', '.join(model[task])}, the data have {', '.join(data[task])}"
        for task in model
        if task in data and list(model[task]) != list(data[task])
    ]
    if model and model.keys() != data.keys():
        faults.append(f"the model is of task {'+'.join(model)}, the run of task {'+'.join(data)}")
    who = [name for name, found in (("model", model), ("data", data), ("predictions", rows)) if found]
    return red_flag_or_ok([*faults, *_strange(rows, data)], f"{', '.join(who)} agree: {_spelt(data)}", **data)


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


def _strange(rows: Sequence[Prediction], data: Labels) -> Iterator[str]:
    for name in data:
        if not TASKS[name].labelled:
            continue  # its labels name logits, and its predictions are places
        with_gold = [row for row in rows if row.task == name and row.gold is not None]
        occurring = {label for pair in TASKS[name].confusion(with_gold) for label in pair}
        if strange := sorted(occurring - set(data[name])):
            yield f"{name}: the predictions have labels that the data do not have: {shown(strange)}"


def _spelt(labels: Labels) -> str:
    return "; ".join(f"{task} {', '.join(names)}" for task, names in labels.items())

"""Tasks, one folder each. A task string such as `cls+span` is a list of tasks over one encoder.

Importing this package does not import torch, because scores are computed without torch.
"""

from collections.abc import Sequence
from typing import Any

from src.core.records import Example, Prediction
from src.core.user_errors import UserError, unknown_name
from src.tasks.cls import Cls
from src.tasks.evidence import Evidence
from src.tasks.span import Span
from src.tasks.task import Task

TASKS: dict[str, Task] = {
    "cls": Cls(),
    "span": Span(),
    "evidence": Evidence(),
}


def parse(task: str) -> list[Task]:
    """Splits a task string into its tasks.

    Raises:
        UserError: a task is unknown or is named twice.

    >>> [task.name for task in parse("cls+span")]
    ['cls', 'span']
    """
    names = task.split("+")
    for name in names:
        if name not in TASKS:
            raise unknown_name("task", name, [*TASKS, "+".join(TASKS)])
        if names.count(name) > 1:
            raise UserError(f"task '{task}' names {name} twice; name it once")
    return [TASKS[name] for name in names]


def check_lexicon(tasks: Sequence[Task], rule: str) -> None:
    """Checks that a task of the run supports the value of `evaluate.lexicon`.

    Raises:
        UserError: no task supports it.
    """
    if rule != "none" and not any(task.lexicon and rule in task.lexicon.rules for task in tasks):
        names = [task.name for task in TASKS.values() if task.lexicon and rule in task.lexicon.rules]
        raise UserError(
            f"evaluate.lexicon: {rule} needs task {' or '.join(names)}, but this run has task: "
            f"{'+'.join(task.name for task in tasks)}; set evaluate.lexicon: none, or add the task"
        )


def label_sets(tasks: Sequence[Task], examples: Sequence[Example], declared: Sequence[str]) -> dict[str, list[str]]:
    """Returns the label set of each task.

    Raises:
        UserError: the examples have no targets for a task.
    """
    sets = {task.name: task.labels(examples, declared) for task in tasks}
    for name, labels in sets.items():
        if not labels:
            names = [task.name for task in TASKS.values() if task.labels(examples, declared)]
            raise UserError(
                f"task '{name}': the corpus has no targets for it; it has targets for: {', '.join(names) or 'no task'}"
            )
    return sets


def validation_scores(tasks: Sequence[Task], rows: Sequence[Prediction]) -> dict[str, Any]:
    """Scores each task on its rows with gold. `primary`, the mean of the primary metrics, selects models."""
    scores = {
        task.name: task.score([row for row in rows if row.task == task.name and row.gold is not None]) for task in tasks
    }
    primary = [scores[task.name][task.primary_metric] for task in tasks]
    return {
        **{name: value for metrics in scores.values() for name, value in metrics.items()},
        "primary": sum(primary) / len(primary),
    }

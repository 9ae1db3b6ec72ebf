"""Tasks: one folder each. A task string is a list of tasks over one encoder: `cls+span`.

Neither this package nor a task imports torch when it is imported: scores are computed without torch.
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
        UserError: an unknown task, or one that is named twice.

    >>> [task.name for task in parse("cls+span")]
    ['cls', 'span']
    """
    names = task.split("+")
    for name in names:
        if name not in TASKS:
            raise unknown_name("task", name, [*TASKS, "+".join(TASKS)])
        if names.count(name) > 1:
            raise UserError(f"task '{task}' names {name} twice")
    return [TASKS[name] for name in names]


def check_lexicon(tasks: Sequence[Task], rule: str) -> None:
    """Checks that a task of the run knows the value of `evaluate.lexicon`.

    Raises:
        UserError: no task does.
    """
    if rule != "none" and not any(task.lexicon and rule in task.lexicon.rules for task in tasks):
        able = [task.name for task in TASKS.values() if task.lexicon and rule in task.lexicon.rules]
        raise UserError(
            f"evaluate.lexicon: {rule} is for task {', '.join(able)}, and this run has task: "
            f"{'+'.join(task.name for task in tasks)}; set none, or add such a task"
        )


def label_sets(tasks: Sequence[Task], examples: Sequence[Example], declared: Sequence[str]) -> dict[str, list[str]]:
    """Returns the label set of each task.

    Raises:
        UserError: the examples have no targets for a task.
    """
    found = {task.name: task.labels(examples, declared) for task in tasks}
    for name, labels in found.items():
        if not labels:
            able = [task.name for task in TASKS.values() if task.labels(examples, declared)]
            raise UserError(
                f"task '{name}': the corpus has no targets for it; it has them for: {', '.join(able) or 'no task'}"
            )
    return found


def validation_scores(tasks: Sequence[Task], rows: Sequence[Prediction]) -> dict[str, Any]:
    """Scores each task on its own rows with gold; `primary`, the mean of their primary metrics, chooses models."""
    scores = {
        task.name: task.score([row for row in rows if row.task == task.name and row.gold is not None]) for task in tasks
    }
    primary = [scores[task.name][task.primary_metric] for task in tasks]
    return {
        **{name: value for s in scores.values() for name, value in s.items()},
        "primary": sum(primary) / len(primary),
    }

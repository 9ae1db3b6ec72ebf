"""Tasks: what an input's labels, targets, loss, decoding and scores are. A task string is a list: `cls+span`.

Axes: B batch, T sub-words, W words, H hidden width, L labels. Neither this package nor a task imports torch when it is
imported: scores are read without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from src.core.records import Example, Prediction
from src.core.user_errors import UserError, unknown_name
from src.tasks.alignment import Encoding
from src.tasks.cls import Cls
from src.tasks.evidence import Evidence
from src.tasks.span import Span

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PretrainedConfig


class Task(Protocol):
    """What a task must say of itself; a plain class that has these members is one."""

    name: str
    primary_metric: str
    """The score that models are chosen by, and that the generalisation gap is taken of."""
    auto_class: str
    """The transformers Auto class of a single-task checkpoint."""
    pooled: bool
    """One target for the whole input. Else the targets are of sub-words, which takes a fast tokenizer."""
    labelled: bool
    """Each target is a label: class weights, label smoothing and focal loss apply."""
    windowed: bool
    """What is longer than max_length is read in windows, by all tasks of the model; else it is cut."""
    settings: Mapping[str, float]
    """Numbers that windows and decoding depend on, kept with the model; a key of `train` of that name sets it."""

    def labels(self, examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
        """Returns the closed, ordered label set; empty where no example has a target for this task.

        Args:
            declared: the label set of sentences in corpus.yaml, in its order.
        """

    def encode(self, example: Example, encoding: Encoding, labels: Sequence[str]) -> int | list[int]:
        """Returns the target of a window: a label's index, one per sub-word, or (start, end); -100: none."""

    def head(self, config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
        """Builds the head of a joint model.

        Shape: maps the pooled state (B, H) where the task is pooled, else hidden states (B, T, H), to logits.
        """

    def logits(self, output: Any) -> torch.Tensor:
        """Returns what a model of the Auto class says; shape as the joint head's."""

    def loss(
        self,
        logits: torch.Tensor,
        targets: torch.Tensor,
        *,
        class_weights: torch.Tensor | None = None,
        label_smoothing: float = 0.0,
        focal_gamma: float | None = None,
    ) -> torch.Tensor:
        """Returns the scalar loss of a batch; zero, and not NaN, for one without any target.

        It is a mean over the targets that are not -100, weighted by class_weights: batches are cut into parts and put
        together again by `amount` of src/tasks/loss.py.

        Shape: logits (B, L) with targets (B,), or (B, T, L) with (B, T), or (B, T, 2) with (B, 2); class_weights (L,).
        """

    def decode(
        self,
        logits: Sequence[np.ndarray],
        windows: Sequence[Encoding],
        example: Example,
        labels: Sequence[str],
        settings: Mapping[str, float],
    ) -> Prediction:
        """Turns the logits of the windows of one example into a prediction.

        Shape: of each window (L,) or (T or more, L); what is behind its T sub-words is padding.
        """

    def calibrate(self, decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
        """Returns the settings that validation chooses; none for most tasks.

        Args:
            decoded: gives the rows of validation as they are with changed settings.
        """

    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        """Returns every metric of the task over rows that have gold; at least one row."""

    def tally(self, rows: Sequence[Prediction]) -> np.ndarray:
        """Counts what the primary metric is made of, row by row, so that resampled rows need no new scoring.

        Shape: (rows, classes, counts of a class).
        """

    def primary(self, counts: np.ndarray) -> np.ndarray:
        """Returns the primary metric of tallies that are summed over rows.

        Shape: (..., classes, counts of a class) to (...).
        """

    def confusion(self, rows: Sequence[Prediction]) -> list[tuple[str, str]]:
        """Returns (gold, predicted) of all that the task decides on: sentences, or words."""


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

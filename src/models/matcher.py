"""The zero-shot model of a task that uses the idiom lexicon. It matches canonical idioms and is not trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.core.files import read_json, write_json
from src.core.records import Example, Prediction
from src.core.user_errors import UserError
from src.tasks import TASKS
from src.tasks.task import Task
from src.text.lexicon import Lexicon

if TYPE_CHECKING:
    import torch

FILE = "idioms.json"


@dataclass(frozen=True)
class Matcher:
    """A model without weights.

    Attributes:
        labels: {task: its label set}, with one task.
        kind: the label of all matched spans.
    """

    labels: Mapping[str, Sequence[str]]
    kind: str
    idioms: Sequence[str]

    precision = "fp32"
    weights = 0
    is_plain = False

    @property
    def tasks(self) -> list[Task]:
        return [TASKS[name] for name in self.labels]

    @property
    def summary(self) -> str:
        return f"{len(self.idioms)} canonical idioms, no weights"

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon(self.idioms)

    def to(self, device: str) -> None:
        """Does nothing: strings are matched on the CPU."""

    def predict(self, examples: Sequence[Example], batch_size: int) -> list[Prediction]:
        """Predicts the idioms that match in each sentence. The rows have no probabilities."""
        (task,) = self.tasks
        assert task.lexicon is not None  # zero_shot.py creates matchers only for tasks with a lexicon
        return [task.lexicon.predict(example, self._lexicon, self.kind) for example in examples]

    def outputs(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Returns the index of the predicted label of each word."""
        (labels,) = self.labels.values()
        index = {label: float(i) for i, label in enumerate(labels)}
        return [np.array([index[label] for label in row.predicted]) for row in self.predict(examples, len(examples))]

    def tensors(self) -> dict[str, torch.Tensor]:
        return {}

    def save(self, folder: Path) -> None:
        write_json(folder / FILE, {"labels": dict(self.labels), "kind": self.kind, "idioms": list(self.idioms)})


def load(folder: Path) -> Matcher:
    """Loads a saved matcher.

    Raises:
        UserError: the file has other content.
    """
    try:
        return Matcher(**read_json(folder / FILE))
    except TypeError as error:
        raise UserError(
            f"{folder / FILE} is not a model of mode zero_shot; train one: dvc repro train, or download it: dvc pull"
        ) from error

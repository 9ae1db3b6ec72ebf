"""The model of task span that has learnt nothing: the canonical idioms of the corpus, found in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from src.core.files import read_json, write_json
from src.core.records import Example, Prediction
from src.core.user_errors import UserError
from src.tasks import TASKS, Task, span
from src.text.lexicon import Lexicon
from src.text.words import tags_of

FILE = "idioms.json"


@dataclass(frozen=True)
class Matcher:
    """What stands in for a checkpoint.

    Attributes:
        labels: {span: its label set}.
        kind: of all spans that are found.
    """

    labels: Mapping[str, Sequence[str]]
    kind: str
    idioms: Sequence[str]

    @property
    def tasks(self) -> list[Task]:
        return [TASKS[name] for name in self.labels]

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon(self.idioms)

    def predict(self, example: Example) -> Prediction:
        """Marks the idioms that are in a sentence; there are no probabilities."""
        words = example.tokens or []
        spans = [(first, end, self.kind) for first, end, _ in self._lexicon.find(words)]
        return span.prediction(example, tags_of(spans, len(words)), None)

    def save(self, folder: Path) -> None:
        write_json(folder / FILE, {"labels": dict(self.labels), "kind": self.kind, "idioms": list(self.idioms)})


def load(folder: Path) -> Matcher:
    """Loads what was saved.

    Raises:
        UserError: the file holds something else.
    """
    try:
        return Matcher(**read_json(folder / FILE))
    except TypeError as error:
        raise UserError(f"{folder / FILE} is no model of mode zero_shot; dvc repro train, or dvc pull") from error

"""The fields of a row of task `cls`, a label, and their legal values."""

from collections.abc import Iterator, Sequence
from typing import Self

from pydantic import model_validator

from src.core.records import Example
from src.tasks.prediction_row import PredictionRow, Probability

NAME = "cls"


class ClsRow(PredictionRow):
    gold: str | None
    predicted: str
    probabilities: dict[str, Probability] | None = None

    @model_validator(mode="after")
    def _probabilities_are_of_the_labels(self) -> Self:
        if self.probabilities is not None:
            for label in (self.gold, self.predicted):
                if label is not None and label not in self.probabilities:
                    raise ValueError(f"probabilities do not contain the label {label!r}")
            if abs(sum(self.probabilities.values()) - 1) > 0.01:
                raise ValueError(f"probabilities add up to {sum(self.probabilities.values()):.4g}, not to 1")
        return self


def has_target(example: Example) -> bool:
    return example.label is not None


def problems(example: Example, declared: Sequence[str]) -> Iterator[tuple[str, str]]:
    if example.label is not None and example.label not in declared:
        yield "label", f"unknown label; legal: {', '.join(declared) or 'none'}"

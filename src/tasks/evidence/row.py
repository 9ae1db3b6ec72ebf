"""The fields of a row of task `evidence`, spans of the searched text in characters, and their legal values."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from src.core.records import Example
from src.tasks.alignment import searched_text
from src.tasks.prediction_row import PredictionRow

NAME = "evidence"

Extent = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


class EvidenceRow(PredictionRow):
    gold: list[Extent] | None
    predicted: Extent | None
    text: str | None = None
    score: float | None = None
    null_score: float | None = None
    gold_texts: list[str] | None = None

    @property
    def is_correct(self) -> bool:
        return self.predicted in self.gold if self.gold else self.predicted is None

    @model_validator(mode="after")
    def _ends_follow_starts(self) -> Self:
        for start, end in [*(self.gold or []), *([self.predicted] if self.predicted else [])]:
            if start >= end:
                raise ValueError(f"[{start}, {end}] is not a span: its end must be greater than its start")
        if self.gold is not None and self.gold_texts is not None and len(self.gold_texts) != len(self.gold):
            raise ValueError(f"gold_texts has {len(self.gold_texts)} entries, gold has {len(self.gold)}")
        return self


def has_target(example: Example) -> bool:
    return example.answers is not None


def problems(example: Example, declared: Sequence[str]) -> Iterator[tuple[str, str]]:
    text = searched_text(example)
    for start, end in example.answers or []:
        if not 0 <= start < end <= len(text):
            yield "answers", f"[{start}, {end}] is not a span of the text, which has {len(text)} characters"

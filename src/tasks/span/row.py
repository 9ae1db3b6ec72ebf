"""The fields of a row of task `span`, words and one IOB2 tag per word, and their legal values."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from src.core.records import Example
from src.tasks.prediction_row import PredictionRow, Probability
from src.text.words import invalid_tag, locate

NAME = "span"

Tag = Annotated[str, Field(pattern=r"^(O|[BI]-.+)$")]
SpanOfText = Annotated[list[Any], Field(min_length=3, max_length=3)]
Word = Annotated[str, Field(min_length=1)]


class SpanRow(PredictionRow):
    gold: list[Tag] | None
    predicted: list[Tag]
    probabilities: list[Probability] | None = None
    tokens: list[Word] | None = None
    gold_spans: list[SpanOfText] | None = None
    predicted_spans: list[SpanOfText] | None = None

    @model_validator(mode="after")
    def _lists_have_one_length(self) -> Self:
        for name in ("gold", "probabilities", "tokens"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.predicted):
                raise ValueError(f"{name} has {len(values)} entries, predicted has {len(self.predicted)}")
        return self


def has_target(example: Example) -> bool:
    return example.tags is not None


def problems(example: Example, declared: Sequence[str]) -> Iterator[tuple[str, str]]:
    if example.tokens is None or example.tags is None:
        return
    if len(example.tags) != len(example.tokens):
        yield "tags", f"{len(example.tags)} tags for {len(example.tokens)} words"
        return
    position = invalid_tag(example.tags)
    if position is not None:
        yield "tags", f"tag {position + 1}, {example.tags[position]!r}, is not legal IOB2 at this position"
    try:
        locate(example.tokens, example.text)
    except ValueError as error:
        yield "tokens", f"word {str(error)!r} is not in the text after the previous word"

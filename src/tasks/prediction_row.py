"""The fields that all tasks have in a predictions file. The other fields of a task are in its row.py."""

import json
from dataclasses import fields
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from src.core.records import Prediction

Probability = Annotated[float, Field(ge=0, le=1)]


class PredictionRow(BaseModel):
    """The common fields. Further fields are ignored, because another program may have written them."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    id: Annotated[str, Field(min_length=1)]
    split: Annotated[str, Field(min_length=1)]
    group: str | None
    task: str
    gold: Any
    predicted: Any
    correct: bool | None = None

    @property
    def is_correct(self) -> bool:
        return bool(self.gold == self.predicted)

    @model_validator(mode="after")
    def _correct_is_true(self) -> Self:
        if self.gold is None and self.correct is not None:
            raise ValueError("correct must be null if gold is null")
        if self.gold is not None and self.correct not in (None, self.is_correct):
            raise ValueError(f"correct is {json.dumps(self.correct)}, but gold and predicted contradict it")
        return self

    def prediction(self) -> Prediction:
        """Returns the row as a Prediction, with `correct` computed."""
        known = {field.name for field in fields(Prediction)}
        values = {name: value for name, value in self if name in known}
        return Prediction(**values | {"correct": None if self.gold is None else self.is_correct})

"""The fields of a row of task `topics`. The target is Example.extra["topics"], a list of topics."""

from collections.abc import Iterator, Sequence

from src.core.records import Example
from src.tasks.prediction_row import PredictionRow, Probability

NAME = "topics"


class TopicsRow(PredictionRow):
    gold: list[str] | None
    predicted: list[str]
    probabilities: dict[str, Probability] | None = None


def has_target(example: Example) -> bool:
    return example.extra.get(NAME) is not None


def problems(example: Example, declared: Sequence[str]) -> Iterator[tuple[str, str]]:
    topics = example.extra.get(NAME) or []
    if not isinstance(topics, list) or len(set(topics)) < len(topics):
        yield NAME, "a list of topics is expected, each once"

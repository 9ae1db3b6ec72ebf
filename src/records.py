"""What a row means: Example (the input of every task), Prediction (its output), and their JSON Lines files."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from src.errors import UserError
from src.files import write_lines

SPLITS = ("train", "validation", "test", "unseen")


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row of a corpus; what is None gives its task no target.

    Attributes:
        group: what the row belongs to (idiom, post, topic).
        tokens: the words of `text`, in order.
        tags: one IOB2 tag per word.
    """

    id: str
    text: str
    text_pair: str | None = None
    group: str | None = None
    label: str | None = None
    tokens: list[str] | None = None
    tags: list[str] | None = None
    split: str


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One row of a predictions file: what one task says of one example.

    Attributes:
        gold: a label (cls), tags (span), or None where the input had none; `predicted` alike.
        correct: gold equals predicted; None without gold.
        probabilities: {label: p} (cls), or p of the predicted tag per word (span).
        tokens, gold_spans, predicted_spans: span only; spans are [start, end, label], in characters, ends exclusive.
    """

    id: str
    split: str
    group: str | None
    task: str
    gold: Any
    predicted: Any
    correct: bool | None
    probabilities: Any = None
    tokens: list[str] | None = None
    gold_spans: list[list[Any]] | None = None
    predicted_spans: list[list[Any]] | None = None


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Writes one example a line, in their order."""
    write_lines(path, (json.dumps(asdict(example), ensure_ascii=False) for example in examples))


def read_examples(path: Path) -> list[Example]:
    """Reads a file of examples.

    Raises:
        UserError: no such file, or a line that is no Example.
    """
    return list(_read(path, Example))


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Writes one prediction a line, sorted by id and task; the fields of other tasks are left out."""
    rows = sorted(predictions, key=lambda row: (row.id, row.task))
    write_lines(path, (json.dumps(_present(row), ensure_ascii=False, allow_nan=False) for row in rows))


REQUIRED = tuple(field.name for field in fields(Prediction))[:7]


def _present(row: Prediction) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name in REQUIRED or value is not None}


def read_predictions(path: Path) -> list[Prediction]:
    """Reads a file of predictions.

    Raises:
        UserError: no such file, or a line that is no Prediction.
    """
    return list(_read(path, Prediction))


R = TypeVar("R", Example, Prediction)


def _read(path: Path, record: type[R]) -> Iterator[R]:
    if not path.is_file():
        raise UserError(f"{path} does not exist; run the stage that writes it: dvc repro")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield record(**json.loads(line.decode("utf-8")))
            except UnicodeDecodeError as error:
                raise UserError(f"{path}, line {number} is not UTF-8: {error.reason}") from error
            except (TypeError, json.JSONDecodeError) as error:
                raise UserError(f"{path}, line {number} is no {record.__name__}: {error}") from error

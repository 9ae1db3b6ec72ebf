"""Example, the input of every task, and Prediction, its output. Their files are JSON Lines."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from src.core.files import write_lines
from src.core.user_errors import UserError

SPLITS = ("train", "validation", "test", "unseen")


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row of a corpus. A task has no target in a row if its field is None.

    Attributes:
        group: the idiom, post or topic of the row.
        tokens: the words of `text`, in order.
        tags: one IOB2 tag per word.
        answers: answer spans, each [start, end] in characters of the searched text (the second text of a pair, else
            the only text), ends exclusive; empty: the text has no answer.
        extra: {name: target} for tasks without a field of Example.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    id: str
    text: str
    text_pair: str | None = None
    group: str | None = None
    label: str | None = None
    tokens: list[str] | None = None
    tags: list[str] | None = None
    answers: list[list[int]] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    split: str


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One row of a predictions file: the prediction of one task for one example.

    Attributes:
        gold: a label (cls), tags (span), [start, end] of each answer (evidence; empty: no answer), or None if the input
            has no gold; `predicted`: a label, tags, one [start, end] or None. In characters, ends exclusive.
        correct: predicted equals gold, or one of the gold answers; None without gold.
        probabilities: {label: p} (cls), or p of the predicted tag per word (span).
        tokens, gold_spans, predicted_spans: span only; spans are [start, end, label], in characters, ends exclusive.
        labels: cls only: the closed label set of the file that the row was read from; it is not written.
        text, score, null_score, gold_texts: evidence only; the predicted text ("": no answer), the score of the best
            answer, the score of no answer, and the texts of the gold answers.
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
    labels: tuple[str, ...] | None = None
    text: str | None = None
    score: float | None = None
    null_score: float | None = None
    gold_texts: list[str] | None = None


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Writes one example per line, in the given order."""
    write_lines(path, (json.dumps(_as_json(example), ensure_ascii=False) for example in examples))


def _as_json(example: Example) -> dict[str, Any]:
    return {name: value for name, value in asdict(example).items() if name != "extra" or value}


def read_examples(path: Path) -> list[Example]:
    """Reads a file of examples.

    Raises:
        UserError: the file is missing, or a line is not a valid Example.
    """
    return [row for _, row in read_lines(path, "Example", TypeAdapter(Example))]


def read_splits(folder: Path) -> dict[str, Example]:
    """Reads all examples of a folder that prepare wrote: {id: example}.

    Raises:
        UserError: the file of a split is missing, or a line is not a valid Example.
    """
    examples = [example for split in SPLITS for example in read_examples(folder / f"{split}.jsonl")]
    return {example.id: example for example in examples}


R = TypeVar("R")


def read_lines(path: Path, kind: str, record: TypeAdapter[R]) -> Iterator[tuple[int, R]]:
    """Yields the number of each line and the record in it.

    Raises:
        UserError: the file is missing, or a line is empty, not UTF-8 or not a valid record.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; run the stage that writes it: dvc repro")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if not text.strip():
                    raise UserError(f"{path}, line {number} is not a valid {kind}: the line is empty")
                yield number, record.validate_json(text)
            except UnicodeDecodeError as error:
                raise UserError(f"{path}, line {number} is not UTF-8: {error.reason}") from error
            except ValidationError as error:
                raise UserError(f"{path}, line {number} is not a valid {kind}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """Describes the first invalid field of a record and its value."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"field '{field}' is missing"
    return f"{f'{field}: ' if field else ''}{first['msg']}, not {first['input']!r:.80}"

"""What a row means: Example (the input of every task) and Prediction (its output); JSON Lines files."""

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
    """One row of a corpus; what is None gives its task no target.

    Attributes:
        group: what the row belongs to (idiom, post, topic).
        tokens: the words of `text`, in order.
        tags: one IOB2 tag per word.
        answers: the spans that answer, [start, end] in characters of the text that is searched (the pair's second
            where there is a pair), ends exclusive; empty: the text holds no answer.
        extra: targets of tasks that have no field here, by name.
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
    """One row of a predictions file: what one task says of one example.

    Attributes:
        gold: a label (cls), tags (span), [start, end] of each answer (evidence; empty: none), or None where the input
            had none; `predicted`: a label, tags, one [start, end] or None. In characters, ends exclusive.
        correct: gold equals predicted, or one of the answers; None without gold.
        probabilities: {label: p} (cls), or p of the predicted tag per word (span).
        tokens, gold_spans, predicted_spans: span only; spans are [start, end, label], in characters, ends exclusive.
        labels: cls only: the closed label set, of the file that the row was read from; it is not written.
        text, score, null_score, gold_texts: evidence only; what is predicted ("": no answer), the score of the best
            answer, that of having none, and the texts of the gold answers.
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
    """Writes an example per line, in their order."""
    write_lines(path, (json.dumps(_as_json(example), ensure_ascii=False) for example in examples))


def _as_json(example: Example) -> dict[str, Any]:
    return {name: value for name, value in asdict(example).items() if name != "extra" or value}


def read_examples(path: Path) -> list[Example]:
    """Reads a file of examples.

    Raises:
        UserError: no such file, or a line that is no Example.
    """
    return [row for _, row in read_lines(path, "Example", TypeAdapter(Example))]


def read_splits(folder: Path) -> dict[str, Example]:
    """Reads all examples of a folder that prepare wrote: {id: example}.

    Raises:
        UserError: a split has no file, or a line that is no Example.
    """
    found = [example for split in SPLITS for example in read_examples(folder / f"{split}.jsonl")]
    return {example.id: example for example in found}


R = TypeVar("R")


def read_lines(path: Path, kind: str, record: TypeAdapter[R]) -> Iterator[tuple[int, R]]:
    """Yields the number of each line and the record in it.

    Raises:
        UserError: no such file, or a line that is empty, not UTF-8 or not such a record.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; run the stage that writes it: dvc repro")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if not text.strip():
                    raise UserError(f"{path}, line {number} is no {kind}: it is empty")
                yield number, record.validate_json(text)
            except UnicodeDecodeError as error:
                raise UserError(f"{path}, line {number} is not UTF-8: {error.reason}") from error
            except ValidationError as error:
                raise UserError(f"{path}, line {number} is no {kind}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """Says what is wrong with a record: the first field and its value."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"field '{field}' is missing"
    return f"{f'{field}: ' if field else ''}{first['msg']}, not {first['input']!r:.80}"

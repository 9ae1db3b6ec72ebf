"""What a row means: Example (the input of every task), Prediction (its output), and their JSON Lines files."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from src.core.files import write_lines
from src.core.user_errors import UserError, unknown_name

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
    """Writes one example a line, in their order."""
    write_lines(path, (json.dumps(asdict(example), ensure_ascii=False) for example in examples))


def read_examples(path: Path) -> list[Example]:
    """Reads a file of examples.

    Raises:
        UserError: no such file, or a line that is no Example.
    """
    return [row for _, row in _read(path, "Example", TypeAdapter(Example))]


def read_splits(folder: Path) -> dict[str, Example]:
    """Reads all examples of a folder that prepare wrote: {id: example}.

    Raises:
        UserError: a split has no file, or a line that is no Example.
    """
    found = [example for split in SPLITS for example in read_examples(folder / f"{split}.jsonl")]
    return {example.id: example for example in found}


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Writes one prediction a line, sorted by id and task; the fields of other tasks are left out."""
    write_lines(path, map(as_line, sorted(predictions, key=lambda row: (row.id, row.task))))


REQUIRED = tuple(field.name for field in fields(Prediction))[:7]


def as_line(row: Prediction) -> str:
    """Returns a prediction as it stands in a file.

    Raises:
        ValueError: a figure is NaN or infinite.
    """
    values = {name: value for name, value in asdict(row).items() if name != "labels"}
    present = {name: value for name, value in values.items() if name in REQUIRED or value is not None}
    return json.dumps(present, ensure_ascii=False, allow_nan=False)


class _Fields(BaseModel):
    """What the rows of every task hold; further fields are passed over, for others may have written them."""

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
            raise ValueError("correct must be null where gold is")
        if self.gold is not None and self.correct not in (None, self.is_correct):
            raise ValueError(f"correct is {json.dumps(self.correct)}, but gold and predicted say otherwise")
        return self

    def prediction(self) -> Prediction:
        known = {field.name for field in fields(Prediction)}
        values = {name: value for name, value in self if name in known}
        return Prediction(**values | {"correct": None if self.gold is None else self.is_correct})


Probability = Annotated[float, Field(ge=0, le=1)]
Tag = Annotated[str, Field(pattern=r"^(O|[BI]-.+)$")]
SpanOfText = Annotated[list[Any], Field(min_length=3, max_length=3)]
Word = Annotated[str, Field(min_length=1)]
Extent = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


class _Cls(_Fields):
    gold: str | None
    predicted: str
    probabilities: dict[str, Probability] | None = None

    @model_validator(mode="after")
    def _probabilities_are_of_the_labels(self) -> Self:
        if self.probabilities is not None:
            for label in (self.gold, self.predicted):
                if label is not None and label not in self.probabilities:
                    raise ValueError(f"probabilities have no label {label!r}")
            if abs(sum(self.probabilities.values()) - 1) > 0.01:
                raise ValueError(f"probabilities add up to {sum(self.probabilities.values()):.4g}, not to 1")
        return self


class _Span(_Fields):
    gold: list[Tag] | None
    predicted: list[Tag]
    probabilities: list[Probability] | None = None
    tokens: list[Word] | None = None
    gold_spans: list[SpanOfText] | None = None
    predicted_spans: list[SpanOfText] | None = None

    @model_validator(mode="after")
    def _lists_have_one_length(self) -> Self:
        for name in ("gold", "probabilities", "tokens"):
            found = getattr(self, name)
            if found is not None and len(found) != len(self.predicted):
                raise ValueError(f"{name} has {len(found)} entries, predicted has {len(self.predicted)}")
        return self


class _Evidence(_Fields):
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
                raise ValueError(f"[{start}, {end}] is no span: its end must be greater than its start")
        if self.gold is not None and self.gold_texts is not None and len(self.gold_texts) != len(self.gold):
            raise ValueError(f"gold_texts has {len(self.gold_texts)} entries, gold has {len(self.gold)}")
        return self


FIELDS: dict[str, type[_Fields]] = {"cls": _Cls, "span": _Span, "evidence": _Evidence}


def read_predictions(path: Path) -> list[Prediction]:
    """Reads a file of predictions, or all *.jsonl of a folder as one; fields that are not ours are passed over.

    Raises:
        UserError: no such file, a line that is no Prediction, an id that stands twice in one split and task, no line.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"{path} is a folder without a file of predictions (*.jsonl)")
    rows: list[Prediction] = []
    places: dict[tuple[str, str, str], str] = {}
    for file in files:
        for number, found in _read(file, "Prediction", TypeAdapter(dict[str, Any])):
            place = f"{file}, line {number}"
            row = _prediction(place, found)
            first = places.setdefault((row.split, row.task, row.id), place)
            if first != place:
                raise UserError(f"{place}: id '{row.id}' stands already in {first}, in the same split and task")
            rows.append(row)
    if not rows:
        raise UserError(f"{path} holds no predictions")
    return with_labels(rows, label_set(rows))


def label_set(rows: Iterable[Prediction]) -> tuple[str, ...]:
    """Returns the labels of rows of cls: those of the probabilities in their order, then others that occur, sorted."""
    known: dict[str, None] = {}
    occurring: set[str] = set()
    for row in rows:
        if row.task == "cls":
            known |= dict.fromkeys((*(row.labels or ()), *(row.probabilities or ())))
            occurring |= {label for label in (row.gold, row.predicted) if label is not None}
    return (*known, *sorted(occurring - known.keys()))


def with_labels(rows: Iterable[Prediction], labels: tuple[str, ...]) -> list[Prediction]:
    """Gives rows of cls a label set, so that any part of them is scored over the same labels."""
    return [replace(row, labels=labels) if row.task == "cls" else row for row in rows]


def _prediction(place: str, found: dict[str, Any]) -> Prediction:
    task = str(found.get("task"))
    if "task" in found and task not in FIELDS:
        raise UserError(f"{place}: {unknown_name('task', task, FIELDS)}")
    try:
        return FIELDS.get(task, _Fields).model_validate(found).prediction()
    except ValidationError as error:
        raise UserError(f"{place} is no Prediction: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"field '{field}' is missing"
    return f"{f'{field}: ' if field else ''}{first['msg']}, not {first['input']!r:.80}"


R = TypeVar("R")


def _read(path: Path, kind: str, record: TypeAdapter[R]) -> Iterator[tuple[int, R]]:
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
                raise UserError(f"{path}, line {number} is no {kind}: {_explain(error)}") from error

"""Rows of predictions for tests of analysis: built in short, drawn by hypothesis, written as others write them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies

from src.core.records import Prediction

LABELS = ("Literal", "Figurative")


def label(
    id: Any,
    gold: str | None,
    predicted: str,
    probabilities: Mapping[str, float] | None = None,
    *,
    split: str = "test",
    group: str | None = None,
) -> Prediction:
    """A row of task cls."""
    return Prediction(
        id=str(id), split=split, group=group, task="cls", gold=gold, predicted=predicted,
        correct=None if gold is None else gold == predicted, probabilities=probabilities and dict(probabilities),
    )  # fmt: skip


def sure(id: Any, gold: str | None, p: float, split: str = "test", group: str | None = None) -> Prediction:
    """A row of task cls over LABELS, of which the second has the probability p."""
    predicted = LABELS[p > 0.5]
    return label(id, gold, predicted, dict(zip(LABELS, (1 - p, p), strict=True)), split=split, group=group)


def tags(short: str) -> list[str]:
    """Tags of `OBI`: O, B-X, I-X; lower case is of kind Y."""
    return ["O" if tag == "O" else f"{tag.upper()}-{'X' if tag.isupper() else 'Y'}" for tag in short]


def words(
    id: Any,
    gold: str | None,
    predicted: str,
    probabilities: Sequence[float] | None = None,
    *,
    split: str = "test",
    group: str | None = None,
) -> Prediction:
    """A row of task span, from tags in short."""
    return Prediction(
        id=str(id), split=split, group=group, task="span", gold=None if gold is None else tags(gold),
        predicted=tags(predicted), correct=None if gold is None else gold == predicted,
        probabilities=probabilities and list(probabilities),
    )  # fmt: skip


def answer(id: Any, gold: list[list[int]], predicted: list[int] | None) -> Prediction:
    """A row of task evidence."""
    correct = predicted in gold if gold else predicted is None
    return Prediction(
        id=str(id), split="test", group=None, task="evidence", gold=gold, predicted=predicted, correct=correct
    )


REQUIRED = ("id", "split", "group", "task", "gold", "predicted")


def write(path: Path, rows: Iterable[Prediction], fields: Sequence[str] = (*REQUIRED, "probabilities")) -> Path:
    """Writes some fields of each row, without the code under test; probabilities where there are any."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{name: getattr(row, name) for name in fields} for row in rows]
    kept = [{name: value for name, value in line.items() if name in REQUIRED or value is not None} for line in lines]
    path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in kept), encoding="utf-8")
    return path


@strategies.composite
def of_labels(draw: strategies.DrawFn, labels: Sequence[str] = ("a", "b", "c")) -> list[Prediction]:
    """One to thirty rows of task cls in two splits and three groups, some of no group; all or none have probabilities.

    What is predicted need not be the likeliest label, for others may predict as they like.
    """
    with_probabilities = draw(strategies.booleans())
    rows = []
    for id in range(draw(strategies.integers(1, 30))):
        weights = draw(strategies.lists(strategies.integers(0, 9), min_size=len(labels), max_size=len(labels)))
        total = sum(weights) or 1
        shares = [weight / total for weight in weights] if sum(weights) else [1.0, *[0.0] * (len(labels) - 1)]
        rows.append(
            label(
                id,
                draw(strategies.sampled_from(labels)),
                draw(strategies.sampled_from(labels)),
                dict(zip(labels, shares, strict=True)) if with_probabilities else None,
                split=draw(strategies.sampled_from(("test", "unseen"))),
                group=draw(strategies.sampled_from((None, "g", "שבר שתיקה"))),
            )
        )
    return rows


@strategies.composite
def of_tags(draw: strategies.DrawFn) -> list[Prediction]:
    """One to twenty rows of task span, with tags of any order and rows without words."""
    rows = []
    for id in range(draw(strategies.integers(1, 20))):
        length = draw(strategies.integers(0, 7))
        sides = [draw(strategies.text("OOBIbi", min_size=length, max_size=length)) for _ in range(2)]
        split = draw(strategies.sampled_from(("test", "unseen")))
        rows.append(words(id, *sides, split=split, group=draw(strategies.sampled_from((None, "g", "h")))))
    return rows

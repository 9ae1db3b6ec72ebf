"""What kind of mistake a prediction is: the categories of each task, their shares, and the most confident mistakes.

A category is a function of one row; a new task adds its function to CATEGORIES.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from src.core.records import Prediction, label_set
from src.text.words import spans_of

NEGATIVE = "literal"  # the label that is no positive, whatever its place among two labels
OF_SPANS = {
    "BOUNDARY": ("PARTIAL_START", "PARTIAL_END", "PARTIAL_BOTH", "EXTEND_START", "EXTEND_END", "EXTEND_BOTH"),
    "DETECTION": ("MISS", "FALSE_POSITIVE"),
    "POSITION": ("SHIFT", "WRONG_SPAN", "MULTI_SPAN"),
}
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {"span": OF_SPANS, "evidence": OF_SPANS}

Extent = tuple[int, int]


def categories(rows: Sequence[Prediction]) -> list[str]:
    """Returns the category of each row; the rows, one at least, are of one task and have gold."""
    return CATEGORIES[rows[0].task](rows)


def count(rows: Sequence[Prediction]) -> dict[str, int]:
    """Counts the rows of each category: those of spans all and in a fixed order, those of labels as they occur."""
    found = Counter(categories(rows))
    fixed = [RIGHT[rows[0].task], *(name for names in GROUPS.get(rows[0].task, {}).values() for name in names)]
    return {name: found[name] for name in [*fixed, *sorted(found.keys() - set(fixed))]}


def grouped(task: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Adds the categories of a task up to their groups; a category that is in none stands for itself.

    >>> grouped("span", {"PERFECT": 5, "MISS": 1, "FALSE_POSITIVE": 2, "SHIFT": 0})
    {'PERFECT': 5, 'DETECTION': 3, 'POSITION': 0}
    """
    group_of = {name: group for group, names in GROUPS.get(task, {}).items() for name in names}
    sums: dict[str, int] = defaultdict(int)
    for name, number in counts.items():
        sums[group_of.get(name, name)] += number
    return dict(sums)


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Returns each category's share of all rows, in [0, 1].

    >>> shares({"PERFECT": 3, "MISS": 1})
    {'PERFECT': 0.75, 'MISS': 0.25}
    """
    total = sum(counts.values())
    return {name: number / total if total else 0.0 for name, number in counts.items()}


def table(task: str, counts: Mapping[str, int]) -> dict[str, tuple[int, float]]:
    """Returns rows and share of each category and then, under `= NAME`, of each group of categories.

    >>> table("span", {"PERFECT": 3, "MISS": 1})
    {'PERFECT': (3, 0.75), 'MISS': (1, 0.25), '= DETECTION': (1, 0.25)}
    """
    sums = {f"= {name}": number for name, number in grouped(task, counts).items() if name not in counts}
    total = sum(counts.values())
    return {name: (number, number / total) for name, number in {**counts, **sums}.items()}


def by(rows: Sequence[Prediction], key: Callable[[Prediction], Any]) -> dict[Any, dict[str, int]]:
    """Counts the categories of the rows of each key, the keys in order; a row whose key is None is passed over."""
    found: dict[Any, Counter[str]] = defaultdict(Counter)
    for row, category in zip(rows, categories(rows), strict=True):
        if key(row) is not None:
            found[key(row)][category] += 1
    names = list(count(rows))
    return {value: {name: found[value][name] for name in names} for value in sorted(found)}


def span_length(row: Prediction) -> int | None:
    """The length of what is to be found: words of the gold spans, characters of the first answer; 0 for nothing."""
    if row.task == "span":
        return sum(end - first for first, end, _ in spans_of(row.gold))
    if row.task == "evidence":
        return row.gold[0][1] - row.gold[0][0] if row.gold else 0
    return None


def confidence(row: Prediction) -> float | None:
    """How sure the model was: p of the predicted label, mean p of the predicted tags, or the margin over no answer."""
    if isinstance(row.probabilities, Mapping):
        return float(row.probabilities[row.predicted])
    if row.probabilities:
        return fmean(row.probabilities)
    if row.score is not None and row.null_score is not None:
        return abs(row.score - row.null_score)
    return None


def most_confident(rows: Sequence[Prediction], limit: int) -> list[tuple[Prediction, str]]:
    """Returns the mistakes that the model was surest of with their categories, surest first; those of one confidence
    (or none) by id."""
    mistakes = [
        (row, category) for row, category in zip(rows, categories(rows), strict=True) if category != RIGHT[row.task]
    ]
    return sorted(mistakes, key=lambda found: (-(confidence(found[0]) or 0.0), found[0].id))[:limit]


def spelt(row: Prediction, answer: Any) -> str:
    """Spells gold or predicted of a row for a reader: the label, the words of the spans, the texts of answers."""
    if answer is None or answer == []:
        return "-"
    if row.task == "span":
        words = row.tokens or [str(position) for position in range(len(answer))]
        return " | ".join(" ".join(words[first:end]) for first, end, _ in spans_of(answer)) or "-"
    if row.task == "evidence":
        extents = answer if isinstance(answer[0], list) else [answer]
        texts = row.gold_texts if answer is row.gold else row.text and [row.text]
        return " | ".join(texts or [f"{start}-{end}" for start, end in extents])
    return str(answer)


def _of_labels(rows: Sequence[Prediction]) -> list[str]:
    """Needs to know which of two labels is the negative one: literal, or the first where there are probabilities."""
    labels = label_set(rows)
    negative = next((label for label in labels if label.casefold() == NEGATIVE), None)
    if negative is None and any(row.probabilities for row in rows):
        negative = labels[0]
    if len(labels) > 2 or negative is None:
        return ["CORRECT" if row.correct else f"{row.gold}->{row.predicted}" for row in rows]
    wrong = {True: "FALSE_POSITIVE", False: "FALSE_NEGATIVE"}
    return ["CORRECT" if row.correct else wrong[row.gold == negative] for row in rows]


def _of_tags(rows: Sequence[Prediction]) -> list[str]:
    return [_of_row(row) for row in rows]


def _of_row(row: Prediction) -> str:
    if row.gold == row.predicted:
        return "PERFECT"
    gold, predicted = ([(first, end) for first, end, _ in spans_of(tags)] for tags in (row.gold, row.predicted))
    return _of_extents(gold, predicted)


def _of_answers(rows: Sequence[Prediction]) -> list[str]:
    return [
        "PERFECT" if row.correct else _of_extents(list(map(tuple, row.gold)), [row.predicted] if row.predicted else [])
        for row in rows
    ]


def _of_extents(gold: Sequence[Extent], predicted: Sequence[Extent]) -> str:
    """Names how what is predicted misses gold; of several gold spans the one is meant that it overlaps most."""
    if not gold:
        return "FALSE_POSITIVE"
    if not predicted:
        return "MISS"
    if len(predicted) > 1:
        return "MULTI_SPAN"
    start, end = predicted[0]
    true_start, true_end = max(gold, key=lambda extent: min(end, extent[1]) - max(start, extent[0]))
    if end <= true_start or start >= true_end:
        return "WRONG_SPAN"
    return BOUNDARIES.get((_sign(start - true_start), _sign(end - true_end)), "SHIFT")


def _sign(difference: int) -> int:
    return (difference > 0) - (difference < 0)


BOUNDARIES = {  # where predicted starts and ends, against gold: -1 before, 0 at the same place, 1 behind
    (1, 0): "PARTIAL_START",
    (0, -1): "PARTIAL_END",
    (1, -1): "PARTIAL_BOTH",
    (-1, 0): "EXTEND_START",
    (0, 1): "EXTEND_END",
    (-1, 1): "EXTEND_BOTH",
}
CATEGORIES: dict[str, Callable[[Sequence[Prediction]], list[str]]] = {
    "cls": _of_labels,
    "span": _of_tags,
    "evidence": _of_answers,
}
RIGHT = {"cls": "CORRECT", "span": "PERFECT", "evidence": "PERFECT"}

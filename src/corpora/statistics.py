"""What is in a prepared corpus: the counts and statistics of metrics/data.json."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from src.records import SPLITS, Example
from src.words import spans_of


def describe(examples: Sequence[Example]) -> dict[str, Any]:
    """Describes each split that has rows: rows, labels, groups, and lengths in words and characters."""
    splits = {name: [example for example in examples if example.split == name] for name in SPLITS}
    return {name: describe_split(rows) for name, rows in splits.items() if rows}


def describe_split(examples: Sequence[Example]) -> dict[str, Any]:
    """Describes rows; what none of them has is left out."""
    words = [example.tokens for example in examples if example.tokens is not None]
    spans = [end - first for example in examples for first, end, _ in spans_of(example.tags or [])]
    lengths = {
        "characters": [len(example.text) for example in examples],
        "characters_of_pair": [len(example.text_pair) for example in examples if example.text_pair is not None],
        "words": [len(tokens) for tokens in words],
        "span_words": spans,
    }
    return {
        "rows": len(examples),
        "labels": dict(sorted(Counter(example.label for example in examples if example.label is not None).items())),
        **_answers(examples),
        "groups": len({example.group for example in examples if example.group is not None}),
        **{name: _summary(values) for name, values in lengths.items() if values},
    }


def _answers(examples: Sequence[Example]) -> dict[str, Any]:
    found = Counter("some" if example.answers else "none" for example in examples if example.answers is not None)
    return {"answers": dict(sorted(found.items()))} if found else {}


def _summary(values: Sequence[int]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "min": ordered[0],
        "mean": round(fmean(ordered), 2),
        "median": ordered[len(ordered) // 2],
        "p95": ordered[int(0.95 * (len(ordered) - 1))],
        "max": ordered[-1],
    }

"""Counts and statistics of a prepared corpus, for metrics/data.json."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from src.core.records import SPLITS, Example
from src.text.words import spans_of


def describe(examples: Iterable[Example]) -> dict[str, Any]:
    """Describes each split that has rows: rows, labels, groups, and lengths in words and characters."""
    counts = {name: _Counts() for name in SPLITS}
    for example in examples:
        counts[example.split].add(example)
    return {name: split_counts.summary() for name, split_counts in counts.items() if split_counts.rows}


def describe_split(examples: Iterable[Example]) -> dict[str, Any]:
    """Describes rows; fields that no row has are left out."""
    counts = _Counts()
    for example in examples:
        counts.add(example)
    return counts.summary()


class _Counts:
    """Counts over rows that are added one at a time."""

    def __init__(self) -> None:
        self.rows = 0
        self._labels: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._groups: set[str] = set()
        self._lengths: dict[str, list[int]] = {
            name: [] for name in ("characters", "characters_of_pair", "words", "span_words")
        }

    def add(self, example: Example) -> None:
        self.rows += 1
        self._lengths["characters"].append(len(example.text))
        if example.text_pair is not None:
            self._lengths["characters_of_pair"].append(len(example.text_pair))
        if example.tokens is not None:
            self._lengths["words"].append(len(example.tokens))
        self._lengths["span_words"] += [end - first for first, end, _ in spans_of(example.tags or [])]
        if example.label is not None:
            self._labels[example.label] += 1
        if example.answers is not None:
            self._answers["some" if example.answers else "none"] += 1
        if example.group is not None:
            self._groups.add(example.group)

    def summary(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "labels": dict(sorted(self._labels.items())),
            **({"answers": dict(sorted(self._answers.items()))} if self._answers else {}),
            "groups": len(self._groups),
            **{name: _summary(values) for name, values in self._lengths.items() if values},
        }


def _summary(values: Sequence[int]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "min": ordered[0],
        "mean": round(fmean(ordered), 2),
        "median": ordered[len(ordered) // 2],
        "p95": ordered[int(0.95 * (len(ordered) - 1))],
        "max": ordered[-1],
    }

"""The baseline that knows nothing but what is most frequent in train; a stage that needs no other imports it alone."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from src.core.records import Example, Prediction
from src.tasks import Task, cls, evidence, span
from src.tasks.alignment import searched_text

Splits = Mapping[str, Sequence[Example]]
Rows = dict[str, list[Prediction]]
Baseline = Callable[[Sequence[Example], Splits, Sequence[str]], Rows]


def majority_label(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts the most frequent label of train, with the shares of train as probabilities."""
    counts = Counter(example.label for example in train if example.label is not None)
    shares = [counts[label] / counts.total() for label in labels]
    return each(splits, lambda example: cls.prediction(example, labels, shares))


def majority_tag(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts the most frequent tag of train for every word."""
    counts = Counter(tag for example in train for tag in example.tags or [])
    tag = counts.most_common(1)[0][0]
    return each(splits, lambda example: span.prediction(example, [tag] * len(example.tokens or []), None))


def majority_answer(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts no answer if that is what most rows of train have, else the whole text."""
    answers = [example.answers for example in train if example.answers is not None]
    if 2 * sum(not found for found in answers) >= len(answers):
        return no_answer(train, splits, labels)
    return each(splits, lambda example: evidence.prediction(example, [0, len(searched_text(example))]))


def no_answer(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts no answer; where many questions have none, hard to beat."""
    return each(splits, lambda example: evidence.prediction(example, None))


def each(splits: Splits, predict: Callable[[Example], Prediction]) -> Rows:
    """Predicts every example of every split by itself."""
    return {split: [predict(example) for example in examples] for split, examples in splits.items()}


def scores(
    tasks: Sequence[Task], train: Sequence[Example], examples: Sequence[Example], labels: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Returns what the majority of train scores on examples: {task: {metric: score}}."""
    found = {}
    for task in tasks:
        rows = MAJORITY[task.name](train, {"": examples}, labels[task.name])[""]
        found[task.name] = task.score([row for row in rows if row.gold is not None])
    return found


MAJORITY: dict[str, Baseline] = {"cls": majority_label, "span": majority_tag, "evidence": majority_answer}

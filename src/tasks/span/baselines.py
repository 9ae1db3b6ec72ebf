"""The trivial baselines of task `span`. No baseline uses the gold span of the row that it predicts."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from src.core.records import Example
from src.tasks.baseline import Baseline, Rows, Splits, each
from src.tasks.span.decoding import from_lexicon, most_frequent_kind, prediction
from src.text.lexicon import Lexicon
from src.text.words import spans_of, tags_of


def baselines(idioms: Sequence[str]) -> dict[str, Baseline]:
    """Includes `lexicon_canonical` if the corpus has canonical idioms."""
    canonical: dict[str, Baseline] = {"lexicon_canonical": partial(lexicon_canonical, idioms)} if idioms else {}
    return {"majority": majority, "lexicon": lexicon, **canonical}


def majority(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts the most frequent tag of train for every word."""
    counts = Counter(tag for example in train for tag in example.tags or [])
    tag = counts.most_common(1)[0][0]
    return each(splits, lambda example: prediction(example, [tag] * len(example.tokens or []), None))


def lexicon(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts every span whose words are a span in train. From left to right, the longest match wins."""
    forms: dict[tuple[str, ...], Counter[str]] = {}
    for example in train:
        for first, end, label in spans_of(example.tags or []):
            forms.setdefault(tuple((example.tokens or [])[first:end]), Counter())[label] += 1
    kinds = {form: counts.most_common(1)[0][0] for form, counts in forms.items()}
    longest = max(map(len, kinds), default=0)
    return each(splits, lambda example: prediction(example, _marked(example.tokens or [], kinds, longest), None))


def _marked(words: Sequence[str], kinds: dict[tuple[str, ...], str], longest: int) -> list[str]:
    spans = []
    position = 0
    while position < len(words):
        ends = range(min(len(words), position + longest), position, -1)
        end = next((end for end in ends if tuple(words[position:end]) in kinds), None)
        if end is not None:
            spans.append((position, end, kinds[tuple(words[position:end])]))
        position = end or position + 1
    return tags_of(spans, len(words))


def lexicon_canonical(idioms: Sequence[str], train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts the canonical idioms, in any inflected form, with the most frequent kind of span in train."""
    lexicon, kind = Lexicon(idioms), most_frequent_kind(train)
    return each(splits, lambda example: from_lexicon(example, lexicon, kind))

"""Trivial baselines, fitted on train: what a score must be compared with. None ever sees a gold span of its own row."""

from collections import Counter
from collections.abc import Callable, Sequence

from src.records import Example, Prediction
from src.tasks import cls, span
from src.words import spans_of, tags_of

Baseline = Callable[[Sequence[Example], Sequence[Example], Sequence[str]], list[Prediction]]


def majority_label(train: Sequence[Example], test: Sequence[Example], labels: Sequence[str]) -> list[Prediction]:
    """Predicts the most frequent label of train, with the shares of train as probabilities."""
    counts = Counter(example.label for example in train if example.label is not None)
    shares = [counts[label] / counts.total() for label in labels]
    return [cls.prediction(example, labels, shares) for example in test]


def tfidf(train: Sequence[Example], test: Sequence[Example], labels: Sequence[str]) -> list[Prediction]:
    """Logistic regression over the tf-idf of character 3- to 6-grams within words.

    Source: scikit-learn; sublinear term frequency, n-grams of at least two texts, inverse regularisation 10.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 6), sublinear_tf=True, min_df=2)
    model = make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))
    labelled = [example for example in train if example.label is not None]
    model.fit([_text(example) for example in labelled], [example.label for example in labelled])
    known = list(model.classes_)
    found = model.predict_proba([_text(example) for example in test])
    rows = [[row[known.index(label)] if label in known else 0.0 for label in labels] for row in found]
    return [cls.prediction(example, labels, row) for example, row in zip(test, rows, strict=True)]


def _text(example: Example) -> str:
    return f"{example.text} {example.text_pair or ''}"


def majority_tag(train: Sequence[Example], test: Sequence[Example], labels: Sequence[str]) -> list[Prediction]:
    """Predicts the most frequent tag of train for every word."""
    counts = Counter(tag for example in train for tag in example.tags or [])
    tag = counts.most_common(1)[0][0]
    return [span.prediction(example, [tag] * len(example.tokens or []), None) for example in test]


def lexicon(train: Sequence[Example], test: Sequence[Example], labels: Sequence[str]) -> list[Prediction]:
    """Marks every span of words that was marked in train, the longest at each word, from first word to last."""
    forms: dict[tuple[str, ...], Counter[str]] = {}
    for example in train:
        for first, end, label in spans_of(example.tags or []):
            forms.setdefault(tuple((example.tokens or [])[first:end]), Counter())[label] += 1
    kinds = {form: found.most_common(1)[0][0] for form, found in forms.items()}
    longest = max(map(len, kinds), default=0)
    return [span.prediction(example, _marked(example.tokens or [], kinds, longest), None) for example in test]


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


BASELINES: dict[str, dict[str, Baseline]] = {
    "cls": {"majority": majority_label, "tfidf": tfidf},
    "span": {"majority": majority_tag, "lexicon": lexicon},
}

"""Baselines, fitted on train at most: what a score must be compared with. None ever sees a gold span of its own row."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np

from src.analysis.majority import MAJORITY, Baseline, Rows, Splits, each, no_answer
from src.core.records import Example, Prediction
from src.tasks import cls, evidence, span
from src.tasks.alignment import searched_text
from src.text.lexicon import Lexicon
from src.text.words import spans_of, split_words, tags_of

SENTENCE = re.compile(r"\S.*?(?:[.!?…]+(?=\s)|(?=\n)|\s*\Z)", re.DOTALL)


def tfidf(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
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
    columns = [list(labels).index(label) for label in model.classes_]
    rows: Rows = {}
    for split, examples in splits.items():
        probabilities = np.zeros((len(examples), len(labels)))
        probabilities[:, columns] = model.predict_proba([_text(example) for example in examples])
        rows[split] = [cls.prediction(example, labels, p) for example, p in zip(examples, probabilities, strict=True)]
    return rows


def _text(example: Example) -> str:
    return f"{example.text} {example.text_pair or ''}"


def lexicon(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Marks every span of words that was marked in train, the longest at each word, from first word to last."""
    forms: dict[tuple[str, ...], Counter[str]] = {}
    for example in train:
        for first, end, label in spans_of(example.tags or []):
            forms.setdefault(tuple((example.tokens or [])[first:end]), Counter())[label] += 1
    kinds = {form: found.most_common(1)[0][0] for form, found in forms.items()}
    longest = max(map(len, kinds), default=0)
    return each(splits, lambda example: span.prediction(example, _marked(example.tokens or [], kinds, longest), None))


def lexicon_canonical(idioms: Sequence[str], train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Marks the canonical idioms, whatever their form in the sentence, as the most frequent kind of span of train."""
    matcher = Lexicon(idioms)
    kinds = Counter(kind for example in train for _, _, kind in spans_of(example.tags or []))
    ((kind, _),) = kinds.most_common(1)

    def predict(example: Example) -> Prediction:
        words = example.tokens or []
        spans = [(first, end, kind) for first, end, _ in matcher.find(words)]
        return span.prediction(example, tags_of(spans, len(words)), None)

    return each(splits, predict)


def sentence_overlap(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts the sentence that shares most different words with the question, of equals the first; without any, none.

    A text without a question is searched with the words of the answers of train.
    """
    known = {
        word
        for example in train
        for start, end in example.answers or []
        for word in _words(searched_text(example)[start:end])
    }

    def predict(example: Example) -> Prediction:
        wanted = known if example.text_pair is None else _words(example.text)
        text = searched_text(example)
        shared = {match.span(): len(wanted & _words(match.group())) for match in SENTENCE.finditer(text)}
        best = max(shared, key=lambda span: shared[span], default=None)
        return evidence.prediction(example, list(best) if best and shared[best] else None)

    return each(splits, predict)


def _words(text: str) -> set[str]:
    words = (text[start:end].lower() for start, end in split_words(text))
    return {word for word in words if word[0].isalnum()}


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
    "cls": {"majority": MAJORITY["cls"], "tfidf": tfidf},
    "span": {"majority": MAJORITY["span"], "lexicon": lexicon},
    "evidence": {"majority": MAJORITY["evidence"], "no_answer": no_answer, "overlap": sentence_overlap},
}


def baselines(task: str, idioms: Sequence[str]) -> dict[str, Baseline]:
    """Returns the baselines of a task; `lexicon_canonical` is one of span where the corpus has canonical idioms."""
    known: dict[str, Baseline] = {"lexicon_canonical": partial(lexicon_canonical, idioms)}
    return BASELINES[task] | (known if task == "span" and idioms else {})

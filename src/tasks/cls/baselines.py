"""The trivial baselines of task `cls`: the majority label and a linear model over character n-grams."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from src.core.records import Example
from src.tasks.baseline import Baseline, Rows, Splits, each
from src.tasks.cls.decoding import prediction
from src.tasks.cls.row import has_target


def baselines(idioms: Sequence[str]) -> dict[str, Baseline]:
    return {"majority": majority, "tfidf": tfidf}


def majority(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts the most frequent label of train. The probabilities are the shares of the labels in train."""
    counts = Counter(example.label for example in train if example.label is not None)
    shares = [counts[label] / counts.total() for label in labels]
    return each(splits, lambda example: prediction(example, labels, shares))


def tfidf(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Logistic regression over the tf-idf of character 3- to 6-grams within words.

    Source: scikit-learn; sublinear term frequency, n-grams that occur in at least two texts, inverse regularisation 10.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 6), sublinear_tf=True, min_df=2)
    model = make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))
    labelled = [example for example in train if has_target(example)]
    model.fit([_text(example) for example in labelled], [example.label for example in labelled])
    columns = [list(labels).index(label) for label in model.classes_]
    rows: Rows = {}
    for split, examples in splits.items():
        probabilities = np.zeros((len(examples), len(labels)))
        probabilities[:, columns] = model.predict_proba([_text(example) for example in examples])
        rows[split] = [prediction(example, labels, p) for example, p in zip(examples, probabilities, strict=True)]
    return rows


def _text(example: Example) -> str:
    return f"{example.text} {example.text_pair or ''}"

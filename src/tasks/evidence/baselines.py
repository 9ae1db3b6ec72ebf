"""The trivial baselines of task `evidence`: majority, no answer, and the sentence with the largest overlap."""

import re
from collections.abc import Sequence

from src.core.records import Example, Prediction
from src.tasks.alignment import searched_text
from src.tasks.baseline import Baseline, Rows, Splits, each
from src.tasks.evidence.decoding import prediction
from src.text.words import split_words

SENTENCE = re.compile(r"\S.*?(?:[.!?…]+(?=\s)|(?=\n)|\s*\Z)", re.DOTALL)


def baselines(idioms: Sequence[str]) -> dict[str, Baseline]:
    return {"majority": majority, "no_answer": no_answer, "overlap": overlap}


def majority(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts no answer if most rows of train have no answer, otherwise the whole text."""
    answers = [example.answers for example in train if example.answers is not None]
    if 2 * sum(not spans for spans in answers) >= len(answers):
        return no_answer(train, splits, labels)
    return each(splits, lambda example: prediction(example, [0, len(searched_text(example))]))


def no_answer(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts no answer. This is a strong baseline if many questions have no answer."""
    return each(splits, lambda example: prediction(example, None))


def overlap(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    """Predicts the sentence that shares most distinct words with the question. The first sentence wins a tie.

    If no sentence shares a word, it predicts no answer. If there is no question, the words of the answers in train
    replace the question.
    """
    answer_words = {
        word
        for example in train
        for start, end in example.answers or []
        for word in _words(searched_text(example)[start:end])
    }

    def predict(example: Example) -> Prediction:
        query = answer_words if example.text_pair is None else _words(example.text)
        text = searched_text(example)
        shared = {match.span(): len(query & _words(match.group())) for match in SENTENCE.finditer(text)}
        best = max(shared, key=lambda span: shared[span], default=None)
        return prediction(example, list(best) if best and shared[best] else None)

    return each(splits, predict)


def _words(text: str) -> set[str]:
    words = (text[start:end].lower() for start, end in split_words(text))
    return {word for word in words if word[0].isalnum()}

"""Scores of answers against the rules of the SQuAD v2 evaluation script, written down here as it states them.

pytest tests/tasks/evidence/test_answers.py
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from src.tasks.evidence.decoding import best_threshold
from src.tasks.evidence.metrics import best, exact, normalized, overlap

HARD = [
    "", " ", "the", "The an A", "%", "...", "a.", "Theatre", "the theatre", "The  Theatre!", "U.S.", "US", "co-op",
    "coop", "in 1066", "1066", "in the year 1066,", "year in 1066 in", "a\tb\nc", "ב-1948", "הגשר הישן", "גשר ישן",
    'צה"ל', "צה״ל", "“the” end", "naïve the", "thé", "an1", "A-the-B",
]  # fmt: skip


def official_normalize(s: str) -> str:
    def remove_articles(text: str) -> str:
        regex = re.compile(r"\b(a|an|the)\b", re.UNICODE)
        return re.sub(regex, " ", text)

    def white_space_fix(text: str) -> str:
        return " ".join(text.split())

    def remove_punc(text: str) -> str:
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punc(s.lower())))


def official_exact(a_gold: str, a_pred: str) -> int:
    return int(official_normalize(a_gold) == official_normalize(a_pred))


def official_f1(a_gold: str, a_pred: str) -> float:
    gold_toks = official_normalize(a_gold).split() if a_gold else []
    pred_toks = official_normalize(a_pred).split() if a_pred else []
    common = Counter(gold_toks) & Counter(pred_toks)
    num_same = sum(common.values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision = 1.0 * num_same / len(pred_toks)
    recall = 1.0 * num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


def official_of_answers(measure: Callable[[str, str], float], golds: Sequence[str], predicted: str) -> float:
    gold_answers = [a for a in golds if official_normalize(a)]
    if not gold_answers:
        gold_answers = [""]  # for unanswerable questions, the only correct answer is the empty string
    return max(measure(a, predicted) for a in gold_answers)


def official_best(
    preds: dict[int, str], scores: dict[int, float], na_probs: dict[int, float], has_ans: dict[int, bool]
) -> float:
    """The best total of find_best_thresh."""
    cur_score: float = sum(1 for k in has_ans if not has_ans[k])
    best_score = cur_score
    for qid in sorted(na_probs, key=lambda k: na_probs[k]):
        cur_score += scores[qid] if has_ans[qid] else -1 if preds[qid] else 0
        best_score = max(best_score, cur_score)
    return best_score


@pytest.mark.parametrize("gold", HARD)
def test_measures_are_those_of_the_official_script(gold: str) -> None:
    assert normalized(gold) == official_normalize(gold)
    for predicted in HARD:
        assert exact(gold, predicted) == official_exact(gold, predicted)
        assert overlap(gold, predicted) == pytest.approx(official_f1(gold, predicted), abs=1e-12)
        for golds in ([], [gold], [gold, "the"], ["year 1066", gold]):
            assert best(exact, golds, predicted) == official_of_answers(official_exact, golds, predicted)
            assert best(overlap, golds, predicted) == pytest.approx(
                official_of_answers(official_f1, golds, predicted), abs=1e-12
            )


@pytest.mark.parametrize(
    ("golds", "predicted", "em", "f1"),
    [
        (["Denver Broncos"], "the Denver Broncos", 1.0, 1.0),
        (["Denver Broncos"], "Broncos", 0.0, 2 / 3),
        (["Broncos", "Denver Broncos"], "Broncos", 1.0, 1.0),
        (["gold gold chain"], "gold gold gold", 0.0, 2 / 3),
        ([], "", 1.0, 1.0),
        ([], "Broncos", 0.0, 0.0),
        (["Broncos"], "", 0.0, 0.0),
        (["the"], "", 1.0, 1.0),
    ],
)
def test_measures_by_hand(golds: list[str], predicted: str, em: float, f1: float) -> None:
    assert (best(exact, golds, predicted), best(overlap, golds, predicted)) == (em, pytest.approx(f1))


def total(threshold: float, differences: np.ndarray, gains: np.ndarray) -> float:
    return float(gains[differences <= threshold].sum())


@pytest.mark.parametrize("seed", range(30))
def test_the_threshold_reaches_the_best_score_that_the_official_script_finds(seed: int) -> None:
    draw = np.random.default_rng(seed)
    count = int(draw.integers(1, 30))
    has_answer = draw.random(count) < draw.choice([0.0, 0.3, 0.7, 1.0])
    f1 = np.where(has_answer, draw.choice([0.0, 0.25, 1.0], count), 0.0)
    differences = draw.normal(-1.5 * has_answer, 2, count)
    threshold = best_threshold(differences, np.where(has_answer, f1, -1.0))
    found = np.where(differences <= threshold, f1, ~has_answer).sum()
    scores, na_probs, has_ans = (dict(enumerate(values.tolist())) for values in (f1, differences, has_answer))
    assert found == pytest.approx(official_best(dict.fromkeys(scores, "x"), scores, na_probs, has_ans))


@pytest.mark.parametrize("seed", range(30))
def test_no_other_threshold_is_better_even_where_rows_are_equal(seed: int) -> None:
    draw = np.random.default_rng(seed)
    differences = draw.integers(-2, 3, 12).astype(float)
    gains = draw.choice([-1.0, 0.0, 0.5, 1.0], 12)
    chosen = best_threshold(differences, gains)
    assert np.isfinite(chosen)
    for other in np.arange(-4, 5, 0.25):
        assert total(chosen, differences, gains) >= total(other, differences, gains)


def test_the_threshold_keeps_its_distance_from_every_row() -> None:
    assert best_threshold(np.array([-1.0, 3.0]), np.array([1.0, -1.0])) == 1.0
    assert best_threshold(np.array([5.0]), np.array([-1.0])) == 4.0
    assert best_threshold(np.array([5.0]), np.array([1.0])) == 6.0

"""Task evidence: targets, best pairs and thresholds by hand and by brute force; scores by the official rules.

pytest tests/tasks/evidence/test_evidence.py
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForQuestionAnswering, PreTrainedTokenizerBase

from src.core.records import Example, Prediction
from src.models import tiny
from src.tasks.alignment import Encoding, searched_text, tokenize
from src.tasks.evidence import Evidence
from src.tasks.evidence.decoding import best_pair, prediction
from src.tasks.prediction_file import read_predictions, write_predictions
from tests.conftest import SHARED
from tests.tasks.evidence.test_answers import official_exact, official_f1, official_of_answers

TASK = Evidence()
LABELS = ["start", "end"]
TEXT = "one two three four five six"
WORDS = [(0, 3), (4, 7), (8, 13), (14, 18), (19, 23), (24, 27)]
SQUAD = SHARED / "squad-v2"


def example(*answers: list[int], text: str = TEXT) -> Example:
    return Example(id="1", text="which?", text_pair=text, answers=list(answers), split="test")


def window(first: int, last: int) -> Encoding:
    """[CLS] which [SEP] words first to last [SEP] of TEXT."""
    offsets = [None, None, None, *WORDS[first : last + 1], None]
    extent = (WORDS[first][0] if first else 0, WORDS[last][1] if last < 5 else len(TEXT))
    return Encoding({"input_ids": [0] * len(offsets)}, [], list(offsets), extent)


def logits(length: int, start: Mapping[int, float], end: Mapping[int, float]) -> np.ndarray:
    values = np.zeros((length, 2), dtype=np.float32)
    for column, given in enumerate((start, end)):
        for position, value in given.items():
            values[position, column] = value
    return values


def decoded(own: Sequence[np.ndarray], windows: Sequence[Encoding], **settings: float) -> Prediction:
    return TASK.decode(own, windows, example([4, 7]), LABELS, {**TASK.settings, **settings})


@pytest.mark.parametrize(
    ("answers", "target"),
    [
        ([[4, 7]], [4, 4]),
        ([[4, 13]], [4, 5]),
        ([[5, 9]], [4, 5]),  # characters in the middle of sub-words
        ([], [0, 0]),
        ([[14, 18]], [0, 0]),  # not in this window
        ([[8, 18]], [0, 0]),  # not whole in it
        ([[14, 18], [0, 3]], [3, 3]),  # the second of two gold answers is
        ([[8, 13], [0, 3]], [5, 5]),
    ],
)
def test_the_target_is_the_first_answer_that_the_window_holds_whole_or_the_null_position(
    answers: list[list[int]], target: list[int]
) -> None:
    assert TASK.encode(example(*answers), window(0, 2), LABELS) == target


def test_what_a_tokenizer_drops_at_the_ends_of_the_text_is_in_the_window_all_the_same() -> None:
    given = example([0, 8], text=" \u200fone two\u200f ")
    own = Encoding({"input_ids": [0] * 4}, [], [None, (2, 5), (6, 9), None], (0, 11))
    assert TASK.encode(given, own, LABELS) == [1, 2]


def test_a_row_without_gold_has_no_target() -> None:
    assert TASK.encode(replace(example(), answers=None), window(0, 2), LABELS) == [-100, -100]


def test_the_loss_is_that_of_transformers_question_answering() -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForQuestionAnswering(BertConfig(vocab_size=30, **sizes)).eval()
    ids = torch.randint(0, 30, (4, 9))
    targets = torch.tensor([[0, 0], [3, 5], [8, 8], [1, 2]])
    output = model(ids, start_positions=targets[:, 0], end_positions=targets[:, 1])
    torch.testing.assert_close(TASK.loss(TASK.logits(output), targets), output.loss)


@pytest.mark.parametrize("seed", range(40))
def test_the_best_pair_is_that_of_trying_all(seed: int) -> None:
    draw = np.random.default_rng(seed)
    length, longest = int(draw.integers(1, 14)), int(draw.integers(1, 16))
    own = draw.normal(0, 5, (length, 2)).astype(np.float32)
    inside = draw.random(length) < 0.7
    legal = [
        (float(own[s, 0]) + float(own[e, 1]), s, e)
        for s in range(length)
        for e in range(s, min(length, s + longest))
        if inside[s] and inside[e]
    ]
    expected = max(legal) if legal else None
    found = best_pair(own, inside, longest)
    assert found == (None if expected is None else (expected[1], expected[2], pytest.approx(expected[0])))


def test_start_and_end_are_never_chosen_apart() -> None:
    """The two best positions are in the wrong order; the best legal pair is another."""
    row = decoded([logits(7, {5: 9, 3: 5}, {4: 6, 5: 1})], [window(0, 2)])
    assert (row.predicted, row.text, row.score) == ([0, 7], "one two", 11.0)


def test_nothing_of_the_question_is_an_answer() -> None:
    row = decoded([logits(7, {1: 50, 3: 1}, {1: 50, 2: 50, 3: 1})], [window(0, 2)])
    assert (row.predicted, row.text) == ([0, 3], "one")


def test_an_answer_is_no_longer_than_its_limit() -> None:
    own = logits(10, {3: 9}, {8: 9, 4: 1})
    assert decoded([own], [window(0, 5)]).text == TEXT
    assert decoded([own], [window(0, 5)], max_answer_length=5).text == "one two"
    assert decoded([own], [window(0, 5)], max_answer_length=1).text == "one"


def test_the_best_answer_of_all_windows_wins_and_the_least_null_score_counts() -> None:
    first = logits(7, {0: 1, 3: 3}, {0: 2, 3: 3})
    second = logits(7, {0: 4, 4: 5}, {0: 5, 5: 5})
    row = decoded([first, second], [window(0, 2), window(2, 4)])
    assert (row.predicted, row.text, row.score, row.null_score) == ([14, 23], "four five", 10.0, 3.0)


def test_padding_behind_a_window_is_not_looked_at() -> None:
    own = logits(12, {3: 1, 9: 50}, {3: 1, 9: 50})
    assert decoded([own], [window(0, 2)]).text == "one"


@pytest.mark.parametrize(
    ("threshold", "text"), [(0.0, ""), (1.9, ""), (2.0, "two"), (5.0, "two"), (math.inf, "two"), (-3.0, "")]
)
def test_there_is_no_answer_where_the_null_score_is_better_by_more_than_the_threshold(
    threshold: float, text: str
) -> None:
    row = decoded([logits(7, {0: 4, 4: 3}, {0: 4, 4: 3})], [window(0, 2)], null_threshold=threshold)
    assert (row.text, row.score, row.null_score) == (text, 6.0, 8.0)
    assert row.predicted == ([4, 7] if text else None)
    assert row.correct is bool(text)


def test_where_nothing_can_be_answered_there_is_no_answer_and_no_score() -> None:
    empty = Encoding({"input_ids": [0] * 3}, [], [None, None, None], (0, 27))
    row = decoded([logits(3, {}, {})], [empty], null_threshold=math.inf)
    assert (row.predicted, row.text, row.score, row.correct) == (None, "", None, False)


def scored(gold: Sequence[str], difference: float, text: str) -> Prediction:
    """A row whose best answer is `text`, and worse than having none by `difference`."""
    spans = [[i * 100, i * 100 + 50] for i in range(len(gold))]
    return Prediction(
        id="1", split="test", group=None, task="evidence", gold=spans, predicted=[300, 350], correct=False, text=text,
        score=1.0, null_score=1.0 + difference, gold_texts=list(gold),
    )  # fmt: skip


def test_the_threshold_is_chosen_from_the_best_answers_whatever_threshold_there_was_before() -> None:
    rows = [scored(["x"], -3.0, "x"), scored([], -1.0, "y"), scored(["x y"], 1.0, "x"), scored([], 2.0, "y")]
    asked: list[dict[str, Any]] = []

    def answer(changes: Mapping[str, float]) -> Sequence[Prediction]:
        asked.append(dict(changes))
        return rows

    assert TASK.calibrate(answer) == {"null_threshold": -2.0}  # 1 + 1 + 0 + 1 rows right; up to the third: 2.67
    assert asked == [{"null_threshold": math.inf}]
    assert TASK.calibrate(lambda _: rows[2:]) == {"null_threshold": 1.5}


def test_without_any_row_to_choose_by_no_threshold_is_chosen() -> None:
    assert TASK.calibrate(lambda _: [replace(scored([], 1.0, "x"), gold=None)]) == {}


def test_scores_by_hand() -> None:
    rows = [
        prediction(example([4, 13]), [4, 13]),
        prediction(example([4, 13]), [4, 7]),
        prediction(example([4, 13]), None),
        prediction(example(), None),
        prediction(example(), [0, 3]),
    ]
    assert TASK.score(rows) == pytest.approx(
        {
            "evidence_em": 2 / 5, "evidence_f1": (1 + 2 / 3 + 1) / 5, "evidence_em_has_answer": 1 / 3,
            "evidence_f1_has_answer": (1 + 2 / 3) / 3, "evidence_em_no_answer": 1 / 2, "evidence_f1_no_answer": 1 / 2,
        }
    )  # fmt: skip
    assert [row.correct for row in rows] == [True, False, False, True, False]
    assert TASK.confusion(rows) == [
        ("answer", "answer"), ("answer", "answer"), ("answer", "no answer"), ("no answer", "no answer"),
        ("no answer", "answer"),
    ]  # fmt: skip


def test_a_part_without_rows_has_no_score() -> None:
    assert TASK.score([prediction(example([0, 3]), None)]).keys() == {
        "evidence_em", "evidence_f1", "evidence_em_has_answer", "evidence_f1_has_answer",
    }  # fmt: skip
    assert TASK.score([prediction(example(), None)]) == {
        "evidence_em": 1.0, "evidence_f1": 1.0, "evidence_em_no_answer": 1.0, "evidence_f1_no_answer": 1.0,
    }  # fmt: skip


def test_the_same_words_at_another_place_are_right_by_the_official_rules() -> None:
    row = prediction(example([0, 3], text="one and one"), [8, 11])
    assert row.correct is False
    assert TASK.score([row])["evidence_em"] == 1.0


def test_rows_without_texts_are_scored_over_characters() -> None:
    for gold, predicted, em, f1 in (
        ([[4, 13]], [4, 13], 1.0, 1.0), ([[4, 13]], [4, 7], 0.0, 2 * 3 / 12), ([[0, 3], [5, 7]], [4, 7], 0.0, 4 / 5),
        ([[0, 3]], [4, 7], 0.0, 0.0), ([[0, 3]], None, 0.0, 0.0), ([], None, 1.0, 1.0), ([], [0, 3], 0.0, 0.0),
    ):  # fmt: skip
        row = replace(prediction(example(), None), gold=gold, predicted=predicted, text=None, gold_texts=None)
        scores = TASK.score([row])
        assert (scores["evidence_em"], scores["evidence_f1"]) == (em, pytest.approx(f1))


def test_a_prediction_survives_its_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rows = [prediction(example([4, 7]), [4, 7], 2.5, 1.0), replace(prediction(example(), None, 0.5, 1.0), id="2")]
    write_predictions(tmp_path / "a.jsonl", rows)
    assert read_predictions(tmp_path / "a.jsonl") == rows


def squad(name: str) -> list[Example]:
    """The real corpus: a question and its paragraph, with all gold answers."""
    if not (SQUAD / name).is_file():
        pytest.skip(f"SQuAD v2 is not at {SQUAD}")
    articles = json.loads((SQUAD / name).read_text(encoding="utf-8"))["data"]
    return [
        Example(
            id=qa["id"], text=qa["question"], text_pair=paragraph["context"], split="test",
            answers=[[a["answer_start"], a["answer_start"] + len(a["text"])] for a in qa["answers"]],
        )
        for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]
    ]  # fmt: skip


@pytest.fixture(scope="module")
def dev() -> list[Example]:
    return squad("dev-v2.0-subset100.json")


def test_gold_as_prediction_scores_a_hundred_on_the_real_corpus(dev: list[Example]) -> None:
    rows = [prediction(given, given.answers[-1] if given.answers else None) for given in dev]
    scores = TASK.score(rows)
    assert len(scores) == 6
    assert set(scores.values()) == {1.0}
    assert all(row.correct for row in rows)


@pytest.mark.parametrize("seed", range(3))
def test_scores_on_the_real_corpus_are_those_of_the_official_rules(dev: list[Example], seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = []
    for given in dev:
        span = None
        if draw.random() < 0.7:
            near = given.answers[0] if given.answers and draw.random() < 0.8 else [10, 30]
            span = [max(0, near[0] - int(draw.integers(12))), near[1] + int(draw.integers(12))]
        rows.append(prediction(given, span))
    golds = {row.id: [given.text_pair[s:e] for s, e in given.answers] for row, given in zip(rows, dev, strict=True)}
    parts = {"": rows, "_has": [r for r in rows if golds[r.id]], "_no": [r for r in rows if not golds[r.id]]}
    em, f1 = (
        {name: np.mean([official_of_answers(m, golds[r.id], r.text) for r in part]) for name, part in parts.items()}
        for m in (official_exact, official_f1)
    )
    assert TASK.score(rows) == pytest.approx(
        {
            "evidence_em": em[""], "evidence_f1": f1[""], "evidence_em_has_answer": em["_has"],
            "evidence_f1_has_answer": f1["_has"], "evidence_em_no_answer": em["_no"],
            "evidence_f1_no_answer": f1["_no"],
        }
    )  # fmt: skip
    assert f1["_no"] == em["_no"]


@pytest.fixture(scope="module")
def tokenizer(dev: list[Example]) -> PreTrainedTokenizerBase:
    return tiny.tokenizer(dev)


@pytest.mark.parametrize(("max_length", "stride"), [(384, 128), (128, 32), (96, 32)])
def test_every_answer_of_the_real_corpus_is_found_again_through_its_windows(
    dev: list[Example], tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int
) -> None:
    """Targets become certain logits, which become the gold answer: only ends inside of a sub-word may move."""
    several = 0
    settings = {**TASK.settings, "max_answer_length": max_length}
    for given, windows in zip(dev, tokenize(dev, tokenizer, max_length, with_words=True, stride=stride), strict=True):
        several += len(windows) > 1
        certain = []
        for own in windows:
            start, end = TASK.encode(given, own, LABELS)
            certain.append(logits(len(own.offsets), {start: 20.0}, {end: 20.0}))
        row = TASK.decode(certain, windows, given, LABELS, settings)
        if not given.answers:
            assert row.predicted is None
        else:
            start, end = row.predicted or (0, 0)
            assert any(start <= s and e <= end and end - start < e - s + 12 for s, e in given.answers), given.id
            assert searched_text(given)[start:end] == row.text
    assert several > 3

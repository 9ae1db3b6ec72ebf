"""Task span: tags, targets and spans by hand; decoding against brute force; scores against seqeval.

pytest tests/tasks/span/test_span.py
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from seqeval import metrics
from seqeval.scheme import IOB2

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.span import Span
from src.tasks.span.decoding import prediction, viterbi
from src.text.words import invalid_tag

TASK = Span()
IDIOM = ["O", "B-IDIOM", "I-IDIOM"]
LABELS = {
    "one kind": IDIOM,
    "two kinds": ["O", "B-X", "I-X", "B-Y", "I-Y"],
    "in another order": ["I-X", "B-X", "O"],
}


def decoded(logits: np.ndarray, window: Encoding, given: Example, labels: Sequence[str]) -> Prediction:
    return TASK.decode([logits], [window], given, labels, {})


def example(tags: Sequence[str] | None, words: Sequence[str] | None = None) -> Example:
    count = len(tags) if tags is not None else 0
    words = list(words or [f"w{i}" for i in range(count)])
    return Example(id="1", text=" ".join(words), tokens=words, tags=None if tags is None else list(tags), split="test")


def encoding(first_subwords: list[int | None], subwords: int) -> Encoding:
    return Encoding({"input_ids": [0] * subwords}, first_subwords)


def row(gold: str, predicted: str) -> Prediction:
    """A prediction from tags in short: `OBI` is O, B-X, I-X; lower case is of kind Y."""
    return prediction(example(long(gold)), long(predicted), None)


def long(tags: str) -> list[str]:
    return ["O" if tag == "O" else f"{tag.upper()}-{'X' if tag.isupper() else 'Y'}" for tag in tags]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(float) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def brute_force(log_p: np.ndarray, labels: Sequence[str]) -> tuple[int, ...]:
    """The best of all legal sequences."""
    every = itertools.product(range(len(labels)), repeat=len(log_p))
    legal = [path for path in every if invalid_tag([labels[i] for i in path]) is None]
    return max(legal, key=lambda path: sum(log_p[word, i] for word, i in enumerate(path)))


def test_labels_are_o_and_the_two_tags_of_each_kind_in_alphabetical_order() -> None:
    assert TASK.labels([example(long("OBI"))], []) == ["O", "B-X", "I-X"]
    assert TASK.labels([example(long("b")), example(long("OB"))], []) == ["O", "B-X", "I-X", "B-Y", "I-Y"]


def test_there_are_no_labels_where_no_word_is_marked() -> None:
    assert TASK.labels([example(["O", "O"]), example(None)], ["Literal", "Figurative"]) == []


def test_the_first_subword_of_each_word_has_its_tag_and_the_others_none() -> None:
    given = example(["O", "B-IDIOM", "I-IDIOM"])
    assert TASK.encode(given, encoding([1, 2, 5], 7), IDIOM) == [-100, 0, 1, -100, -100, 2, -100]


def test_a_word_that_was_cut_off_has_no_target() -> None:
    assert TASK.encode(example(["O", "B-IDIOM"]), encoding([1, None], 3), IDIOM) == [-100, 0, -100]


def test_of_two_words_in_one_subword_the_first_gives_the_target() -> None:
    assert TASK.encode(example(["B-IDIOM", "O"]), encoding([1, 1], 3), IDIOM) == [-100, 1, -100]


def test_an_example_without_tags_has_no_targets() -> None:
    assert TASK.encode(example(None, ["a"]), encoding([1], 3), IDIOM) == [-100, -100, -100]


def test_a_prediction_tells_tags_probabilities_and_spans_in_characters() -> None:
    given = example(["O", "B-IDIOM", "I-IDIOM"], ["הוא", "שבר", "שתיקה"])
    logits = np.log(np.array([[1, 1, 1], [8, 1, 1], [1, 7, 2], [1, 1, 1], [6, 2, 2]]) / 10)
    found = decoded(logits, encoding([1, 2, 4], 5), given, IDIOM)
    assert found.predicted == ["O", "B-IDIOM", "O"]
    assert found.probabilities == pytest.approx([0.8, 0.7, 0.6])
    assert found.tokens == ["הוא", "שבר", "שתיקה"]
    assert found.gold_spans == [[4, 13, "IDIOM"]]
    assert found.predicted_spans == [[4, 7, "IDIOM"]]
    assert given.text[4:13] == "שבר שתיקה"
    assert found.correct is False


def test_the_probability_is_that_of_the_predicted_tag_even_if_another_is_likelier() -> None:
    logits = np.log(np.array([[0.4, 0.1, 0.5]]))
    found = decoded(logits, encoding([0], 1), example(["O"]), IDIOM)
    assert found.predicted == ["O"]
    assert found.probabilities == pytest.approx([0.4])


def test_words_that_were_cut_off_are_outside_with_probability_zero() -> None:
    logits = np.log(np.array([[0.1, 0.8, 0.1]]))
    found = decoded(logits, encoding([0, None], 1), example(["B-IDIOM", "I-IDIOM"]), IDIOM)
    assert found.predicted == ["B-IDIOM", "O"]
    assert found.probabilities == pytest.approx([0.8, 0.0])


def test_an_example_without_words_has_an_empty_prediction() -> None:
    found = decoded(np.zeros((2, 3)), encoding([], 2), Example(id="1", text="בית", split="test"), IDIOM)
    assert (found.predicted, found.probabilities, found.predicted_spans, found.gold_spans) == ([], [], [], None)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("words", [1, 2, 3, 4])
def test_viterbi_finds_the_best_of_all_legal_sequences(words: int, labels: list[str]) -> None:
    for seed in range(25):
        log_p = log_softmax(np.random.default_rng(seed).normal(0, 2, (words, len(labels))))
        assert tuple(viterbi(log_p, labels)) == brute_force(log_p, labels)


def test_viterbi_of_no_words_is_empty() -> None:
    assert viterbi(np.zeros((0, 3)), IDIOM) == []


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("scale", [1, 30, 1000, 30000])
@pytest.mark.filterwarnings("error")
def test_decoding_finds_the_best_legal_sequence_however_large_the_logits(labels: list[str], scale: float) -> None:
    for seed in range(15):
        logits = np.random.default_rng(seed).normal(0, scale, (4, len(labels))).astype(np.float32)
        found = decoded(logits, encoding([0, 1, 2, 3], 4), example(["O"] * 4), labels)
        expected = brute_force(log_softmax(logits), labels)
        assert found.predicted == [labels[i] for i in expected]


@pytest.mark.parametrize("kinds", ["OBI", "OBIbi"])
@pytest.mark.parametrize("legal_gold", [True, False])
def test_every_score_is_that_of_seqeval(kinds: str, legal_gold: bool) -> None:
    """Over random tags, most of which are not legal IOB2; seqeval strict with IOB2 takes only spans opened by B-."""
    draw = np.random.default_rng(0)
    rows = []
    while len(rows) < 150:
        gold, predicted = ("".join(draw.choice(list(kinds), 7)) for _ in range(2))
        if not legal_gold or invalid_tag(long(gold)) is None:
            kept = "".join(g if draw.random() < 0.6 else p for g, p in zip(gold, predicted, strict=True))
            rows.append(row(gold, kept))
    gold_tags, tags = [r.gold for r in rows], [r.predicted for r in rows]
    strict = {"mode": "strict", "scheme": IOB2}
    assert TASK.score(rows) == pytest.approx(
        {
            "span_f1": metrics.f1_score(gold_tags, tags, **strict),
            "span_precision": metrics.precision_score(gold_tags, tags, **strict),
            "span_recall": metrics.recall_score(gold_tags, tags, **strict),
            "span_f1_lenient": metrics.f1_score(gold_tags, tags),
            "token_accuracy": metrics.accuracy_score(gold_tags, tags),
        }
    )
    true, false, missed = TASK.tally(rows).sum(axis=0)[0]
    assert min(true, false, missed) > 0
    assert 2 * true / (2 * true + false + missed) == pytest.approx(TASK.score(rows)["span_f1"])


@pytest.mark.parametrize(
    ("gold", "predicted", "strict", "lenient"),
    [
        pytest.param("OBI", "OBI", 1.0, 1.0, id="exact"),
        pytest.param("OBI", "OII", 0.0, 1.0, id="an I- without B- opens a span in lenient scoring only"),
        pytest.param("OBI", "OBO", 0.0, 0.0, id="part of a span is no span"),
        pytest.param("OBI", "OBB", 0.0, 0.0, id="two spans for one"),
        pytest.param("OBI", "Obi", 0.0, 0.0, id="right words, wrong kind"),
        pytest.param("OBI", "BBI", 2 / 3, 2 / 3, id="one too many"),
        pytest.param("BOBI", "BOOO", 2 / 3, 2 / 3, id="one missed"),
        pytest.param("BIOO", "BIOI", 1.0, 2 / 3, id="a stray I- behind a right span counts in lenient scoring only"),
        pytest.param("OOO", "OOO", 0.0, 0.0, id="nothing to find"),
        pytest.param("OBI", "OOO", 0.0, 0.0, id="nothing found"),
    ],
)
def test_spans_count_when_exact_and_opened_by_b(gold: str, predicted: str, strict: float, lenient: float) -> None:
    scores = TASK.score([row(gold, predicted)])
    assert scores["span_f1"] == pytest.approx(strict)
    assert scores["span_f1_lenient"] == pytest.approx(lenient)


def test_spans_are_counted_over_the_split_and_not_averaged_over_rows() -> None:
    """By hand: 3 predicted, 2 of them right, 4 to be found."""
    scores = TASK.score([row("BIOB", "BIOB"), row("OBOB", "BOOO"), row("OO", "OO")])
    assert scores["span_precision"] == pytest.approx(2 / 3)
    assert scores["span_recall"] == pytest.approx(2 / 4)
    assert scores["span_f1"] == pytest.approx(4 / 7)
    assert scores["token_accuracy"] == pytest.approx(7 / 10)


def test_the_confusion_is_of_tags_word_by_word() -> None:
    assert TASK.confusion([row("OB", "BB"), row("O", "O")]) == [("O", "B-X"), ("B-X", "B-X"), ("O", "O")]


def test_rows_without_a_word_score_zero() -> None:
    assert TASK.score([row("", ""), row("", "")]) == dict.fromkeys(TASK.score([row("B", "B")]), 0.0)

"""Ensembles by hand: means, votes, ties; votes on tags against brute force.

pytest tests/analysis/test_ensembling.py
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, strategies

from src.analysis.ensembling import ensemble
from src.core.records import Prediction
from src.core.user_errors import UserError
from src.text.words import invalid_tag
from tests.rows import answer, label, of_labels, of_tags, sure, tags, words


def of_one(rows: Sequence[Prediction], method: str | None = None) -> Prediction:
    """The ensemble of files of one row each."""
    [row] = ensemble({str(i): [row] for i, row in enumerate(rows)}, method)
    return row


@pytest.mark.parametrize("method", [None, "mean", "vote"])
@given(of_labels(), of_tags())
def test_an_ensemble_of_one_is_that_one(method: str | None, labels: list[Prediction], tags: list[Prediction]) -> None:
    rows = [*labels, *tags, answer(1, [[1, 2]], [1, 3])]
    assert sorted(ensemble({"a": rows}, method), key=repr) == sorted(rows, key=repr)


def test_the_label_of_the_highest_mean_probability_wins_even_against_the_majority() -> None:
    """Means by hand: a (.4 + .4 + .9) / 3 = .5667."""
    rows = [label(1, "b", "b", {"a": 0.4, "b": 0.6}), label(1, "b", "b", {"a": 0.4, "b": 0.6})]
    rows += [label(1, "b", "a", {"a": 0.9, "b": 0.1})]
    found = of_one(rows)
    assert found.predicted == "a"
    assert found.correct is False
    assert found.probabilities == pytest.approx({"a": 1.7 / 3, "b": 1.3 / 3})
    assert of_one(rows, "mean") == found


def test_by_vote_the_label_of_most_files_wins_and_the_mean_stays_beside_it() -> None:
    rows = [label(1, "b", "b", {"a": 0.4, "b": 0.6}), label(1, "b", "b", {"a": 0.4, "b": 0.6})]
    found = of_one([*rows, label(1, "b", "a", {"a": 0.9, "b": 0.1})], "vote")
    assert (found.predicted, found.correct) == ("b", True)
    assert found.probabilities == pytest.approx({"a": 1.7 / 3, "b": 1.3 / 3})


def test_without_probabilities_in_one_file_the_vote_decides() -> None:
    rows = [label(1, "c", "c"), label(1, "c", "a", {"a": 1.0, "c": 0.0}), label(1, "c", "c")]
    found = of_one(rows)
    assert (found.predicted, found.correct, found.probabilities) == ("c", True, None)


@pytest.mark.parametrize(
    ("rows", "method", "expected"),
    [
        pytest.param([("a", {"a": 0.6, "b": 0.4}), ("b", {"a": 0.1, "b": 0.9})], "vote", "b", id="votes: the mean"),
        pytest.param([("b", {"a": 0.1, "b": 0.9}), ("a", {"a": 0.6, "b": 0.4})], "vote", "b", id="in any order"),
        pytest.param([("b", {"a": 0.5, "b": 0.5})] * 2 + [("a", {"a": 0.5, "b": 0.5})], "mean", "b", id="mean: votes"),
        pytest.param([("b", {"a": 0.5, "b": 0.5}), ("a", {"a": 0.5, "b": 0.5})], None, "a", id="both: the order"),
        pytest.param([("b", None), ("a", None)], None, "a", id="without probabilities: the first of the alphabet"),
        pytest.param([("a", None), ("b", None)], None, "a", id="in any order of the files"),
    ],
)
def test_ties_of_labels(rows: list[tuple[str, dict[str, float] | None]], method: str | None, expected: str) -> None:
    assert of_one([label(1, None, predicted, p) for predicted, p in rows], method).predicted == expected


def test_a_label_that_a_file_does_not_know_has_no_probability_there() -> None:
    found = of_one([label(1, "a", "a", {"a": 1.0}), label(1, "a", "b", {"a": 0.2, "b": 0.5, "c": 0.3})])
    assert found.probabilities == pytest.approx({"a": 0.6, "b": 0.25, "c": 0.15})


def test_the_mean_of_rows_without_probabilities_is_refused_with_the_id() -> None:
    with pytest.raises(UserError, match=r"row 7 of .* has no probabilities, .* needs; use --method vote"):
        of_one([sure(7, "Literal", 0.2), label(7, "Literal", "Literal")], "mean")


def test_what_is_not_predicted_is_that_of_the_rows_and_without_gold_nothing_is_correct() -> None:
    rows = [replace(sure(1, None, p, split="unseen", group="g")) for p in (0.9, 0.8)]
    found = of_one(rows)
    assert (found.id, found.split, found.group, found.gold, found.correct) == ("1", "unseen", "g", None, None)
    assert of_one([words(1, None, "OB"), words(1, None, "OB")]).correct is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["OBIO", "OBIO", "OOOO"], "OBIO"),
        (["OBIO", "OOOO", "OOOO"], "OOOO"),
        (["BIO", "OBI", "OBO"], "OBO"),  # word by word: O 2:1, B 2:1, O 2:1
        (["BII", "OBI", "OOB"], "OBI"),  # word by word O, any, I: of the legal ones 5 votes, BII 4
        (["BIII", "BIII", "OBBB"], "BIII"),
        (["BI", "BI", "bi"], "BI"),
        (["bi", "BI", "bi"], "bi"),
        (["IIO", "IIO", "IIO"], None),  # what all say is no legal tagging
        (["", "", ""], ""),
    ],
)
def test_each_word_has_the_tag_of_most_files_as_far_as_that_is_legal(files: list[str], expected: str | None) -> None:
    found = of_one([words(1, files[0], file) for file in files])
    if expected is None:
        assert invalid_tag(found.predicted) is None
    else:
        assert found.predicted == tags(expected)
        assert found.correct is (expected == files[0])


SAME = strategies.integers(0, 4).flatmap(
    lambda length: strategies.lists(strategies.text("OBIbi", min_size=length, max_size=length), min_size=2, max_size=4)
)


@given(SAME)
def test_tags_that_were_voted_on_are_the_legal_ones_of_most_votes(files: list[str]) -> None:
    found = of_one([words(1, None, file) for file in files])
    assert invalid_tag(found.predicted) is None

    def votes(path: Sequence[str]) -> int:
        return sum(tag == voted for file in files for tag, voted in zip(path, tags(file), strict=True))

    legal = (tags("".join(path)) for path in itertools.product("OBIbi", repeat=len(files[0])))
    assert votes(found.predicted) == max(votes(path) for path in legal if invalid_tag(path) is None)


@given(
    strategies.lists(strategies.sampled_from(["O", "B", "BI", "BII", "b", "bi"]), max_size=3).map("".join),
    strategies.randoms(),
)
def test_probabilities_never_outvote(tagged: str, random: Random) -> None:
    """Three files agree and are not sure at all; two others say anything, each for certain."""
    others = ["".join(random.choice("OBIbi") for _ in tagged) for _ in range(2)]
    rows = [words(1, None, tagged, [0.0] * len(tagged))] * 3
    assert of_one(rows + [words(1, None, file, [1.0] * len(file)) for file in others]).predicted == tags(tagged)


def test_of_equally_many_files_the_surer_ones_win() -> None:
    """The probability of a tag is the mean over files, of which those that say otherwise give none."""
    found = of_one([words(1, "B", "B", [0.6]), words(1, "B", "O", [0.9])])
    assert (found.predicted, found.probabilities) == (["O"], [0.45])
    assert of_one([words(1, "B", "B", [0.9]), words(1, "B", "O", [0.6])]).predicted == ["B-X"]
    three_to_two = [words(1, "B", "B", [1.0])] * 2 + [words(1, "B", "O", [0.1])] * 3
    assert of_one(three_to_two).predicted == ["O"]


def test_tags_have_probabilities_where_all_files_have_them() -> None:
    assert of_one([words(1, "B", "B", [0.6]), words(1, "B", "B")]).probabilities is None
    assert of_one([words(1, "BI", "BI", [0.6, 1.0]), words(1, "BI", "BI", [0.8, 0.5])]).probabilities == pytest.approx(
        [0.7, 0.75]
    )


def test_spans_in_characters_are_those_of_a_file_that_says_the_same_and_no_other() -> None:
    row = replace(words(1, "OB", "OB"), tokens=["x", "y"], gold_spans=[[2, 3, "X"]], predicted_spans=[[2, 3, "X"]])
    found = of_one([row, row])
    assert (found.tokens, found.gold_spans, found.predicted_spans) == (["x", "y"], [[2, 3, "X"]], [[2, 3, "X"]])
    votes = [replace(words(1, "BB", tags), predicted_spans=[]) for tags in ("BOO"[:2], "OB", "BB")]
    assert of_one(votes).predicted == ["B-X", "B-X"]
    none_says_so = [replace(words(1, "BBB", tags), predicted_spans=[]) for tags in ("BBO", "OBB", "BOB")]
    assert of_one(none_says_so).predicted_spans is None


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ([([1, 2], 3, 0), ([5, 9], 1, 0), ([5, 9], 0, 0)], [5, 9]),
        ([(None, 0, 9), ([5, 9], 1, 0), (None, 0, 1)], None),
        ([([1, 2], 3, 0), ([5, 9], 4, 0)], [5, 9]),  # one each: the greater margin over no answer
        ([([1, 2], 3, 0), (None, 0, 4)], None),
        ([([1, 2], 5, 0), (None, 0, 4)], [1, 2]),
    ],
)
def test_the_answer_of_most_files_wins(
    predicted: list[tuple[list[int] | None, float, float]], expected: object
) -> None:
    rows = [
        replace(answer(1, [[5, 9]], span), score=float(score), null_score=float(null), text=str(span))
        for span, score, null in predicted
    ]
    found = of_one(rows)
    assert (found.predicted, found.text, found.correct) == (expected, str(expected), expected == [5, 9])
    assert (found.score, found.null_score) == (None, None)


def test_rows_of_all_tasks_and_splits_are_combined_each_with_its_own() -> None:
    files = {
        name: [sure(1, "Literal", p), sure(1, "Literal", 1 - p, split="unseen"), words(1, "OB", tagged)]
        for name, p, tagged in (("a", 0.1, "OB"), ("b", 0.3, "OB"), ("c", 0.2, "BO"))
    }
    files["b"].reverse()
    found = {(row.task, row.split): row for row in ensemble(files)}
    assert found["cls", "test"].probabilities == pytest.approx({"Literal": 0.8, "Figurative": 0.2})
    assert found["cls", "unseen"].probabilities == pytest.approx({"Literal": 0.2, "Figurative": 0.8})
    assert found["span", "test"].predicted == tags("OB")


def test_files_of_other_rows_are_refused_with_the_ids_that_differ() -> None:
    with pytest.raises(UserError, match=r"a and b have different rows: 1 only in a \(2 of cls test\)"):
        ensemble({"a": [label(1, "x", "x"), label(2, "x", "x")], "b": [label(1, "x", "x")]})


@given(of_labels(), strategies.sampled_from(("mean", "vote", None)))
def test_files_that_agree_are_not_outvoted(rows: list[Prediction], method: str | None) -> None:
    if method != "vote" and rows[0].probabilities:  # let each predict its likeliest, as most systems do
        rows = [replace(row, predicted=max(row.probabilities, key=row.probabilities.__getitem__)) for row in rows]
    if method == "mean" and not rows[0].probabilities:
        method = None
    found = ensemble({"a": rows, "b": rows, "c": rows}, method)
    assert {(row.split, row.id): row.predicted for row in found} == {(row.split, row.id): row.predicted for row in rows}

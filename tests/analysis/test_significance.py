"""Tests of significance against scipy, against formulas by hand, and against a bootstrap done row by row.

pytest tests/analysis/test_significance.py
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from scipy import stats
from sklearn.metrics import f1_score

from src.analysis import significance
from src.analysis.significance import Pair, bootstrap, holm, mcnemar, over_seeds, pairs
from src.core.records import Prediction
from src.core.user_errors import UserError
from tests.rows import LABELS, label, sure, words


def discordant(first: int, second: int, both: int = 5) -> tuple[list[Prediction], list[Prediction]]:
    """Two systems: on so many rows the first alone is correct, the second alone, both; and on three neither."""
    right = [(True, False)] * first + [(False, True)] * second + [(True, True)] * both + [(False, False)] * 3
    a, b = ([label(i, "x", "x" if ok[side] else "y") for i, ok in enumerate(right)] for side in (0, 1))
    return a, b


def only(systems: dict[str, dict[str, list[Prediction]]], samples: int = 200) -> Pair:
    [pair] = pairs(systems, samples)
    return pair


@pytest.mark.parametrize(("first", "second"), [(1, 0), (0, 5), (3, 3), (9, 2), (7, 17), (12, 12), (24, 0)])
def test_below_25_discordant_rows_mcnemar_is_the_binomial_test_of_scipy(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second, 0.5).pvalue
    assert mcnemar(*discordant(first, second)) == pytest.approx(expected)


@pytest.mark.parametrize(("first", "second"), [(25, 0), (8, 17), (15, 10), (40, 22), (100, 140)])
def test_from_25_discordant_rows_on_mcnemar_is_chi_squared_with_continuity_correction(first: int, second: int) -> None:
    statistic = (abs(first - second) - 1) ** 2 / (first + second)
    expected = math.erfc(math.sqrt(statistic / 2))  # of one degree of freedom
    assert expected == pytest.approx(stats.chi2.sf(statistic, 1))
    assert mcnemar(*discordant(first, second)) == pytest.approx(expected)


def test_mcnemar_knows_neither_a_difference_of_no_rows_nor_rows_on_which_both_agree() -> None:
    assert mcnemar(*discordant(0, 0)) == 1.0
    assert mcnemar(*discordant(9, 2, both=0)) == mcnemar(*discordant(9, 2, both=500))
    assert mcnemar(*discordant(9, 2)) == mcnemar(*discordant(2, 9))


def test_the_p_of_a_bootstrap_by_hand() -> None:
    """Of 0, .3, -.1, .2 about .1, three are as far from it as it is from zero: (1 + 3) / (1 + 4)."""
    draws = np.array([0.1, 0.3, -0.1, 0.2])
    assert bootstrap(draws, 0.1) == 4 / 5
    assert bootstrap(-draws, -0.1) == 4 / 5
    assert bootstrap(np.full(99, 0.5), 0.5) == 1 / 100
    assert bootstrap(np.zeros(9), 0.0) == 1.0


SHORT = ["OBIO", "BIOB", "OOOO", "OOBI"]


def short_rows(count: int, seed: int) -> list[tuple[str, str, str]]:
    """Gold, the first system, a worse second one; tags in short."""
    draw = np.random.default_rng(seed)
    gold = [str(draw.choice(SHORT)) for _ in range(count)]
    return [(g, *(g if draw.random() < p else str(draw.choice(SHORT)) for p in (0.7, 0.5))) for g in gold]  # type: ignore[misc]


def span_f1(rows: Sequence[tuple[str, str]]) -> float:
    """Exact spans, by regular expression."""
    found = [[{match.span() for match in re.finditer("BI*", side)} for side in row] for row in rows]
    both, either = (sum(len(how(*sides)) for sides in found) for how in (set.intersection, lambda a, b: [*a, *b]))
    return 2 * both / either if either else 0.0


def test_the_bootstrap_of_spans_is_one_that_scores_resampled_rows_anew() -> None:
    rows = short_rows(60, seed=1)
    systems = {
        name: {"": [words(i, row[0], row[side]) for i, row in enumerate(rows)]} for side, name in ((1, "a"), (2, "b"))
    }
    draw = np.random.default_rng(9)
    naive = []
    for _ in range(3000):
        drawn = [rows[i] for i in draw.integers(60, size=60)]
        naive.append(span_f1([(gold, a) for gold, a, _ in drawn]) - span_f1([(gold, b) for gold, _, b in drawn]))
    observed = span_f1([(gold, a) for gold, a, _ in rows]) - span_f1([(gold, b) for gold, _, b in rows])
    found = only(systems, 4000)
    assert (found.test, found.metric, found.task, found.split) == ("bootstrap", "span_f1", "span", "test")
    assert found.difference == pytest.approx(observed)
    assert found.interval == pytest.approx(tuple(np.percentile(naive, [2.5, 97.5])), abs=0.02)
    expected = np.mean(np.abs(np.array(naive) - observed) >= abs(observed))
    assert found.p == pytest.approx(expected, abs=0.03)
    assert 0.02 < expected < 0.6  # else the line above would say little


def noisy(seed: int, accuracy: float, count: int = 80) -> list[Prediction]:
    """Rows of one gold in every run, right with some probability."""
    gold = np.random.default_rng(0).choice(LABELS, count)
    draw = np.random.default_rng(100 + seed)
    wrong = {LABELS[0]: LABELS[1], LABELS[1]: LABELS[0]}
    return [label(i, str(g), str(g) if draw.random() < accuracy else wrong[str(g)]) for i, g in enumerate(gold)]


def f1_macro(rows: Sequence[Prediction]) -> float:
    return float(f1_score([row.gold for row in rows], [row.predicted for row in rows], average="macro"))


A = {str(seed): noisy(seed, 0.85) for seed in (1, 2, 3)}
B = {str(seed): noisy(10 * seed, 0.7) for seed in (3, 1, 2)}  # in another order


def test_several_runs_of_labels_are_compared_by_a_bootstrap_of_their_mean_scores() -> None:
    found = only({"a": A, "b": B}, 4000)
    difference = np.mean([f1_macro(rows) for rows in A.values()]) - np.mean([f1_macro(rows) for rows in B.values()])
    assert (found.test, found.metric, found.runs) == ("bootstrap", "f1_macro", 3)
    assert found.difference == pytest.approx(difference)
    draw = np.random.default_rng(4)
    naive = []
    for _ in range(150):
        chosen = draw.integers(80, size=80)
        means = [np.mean([f1_macro([rows[i] for i in chosen]) for rows in runs.values()]) for runs in (A, B)]
        naive.append(means[0] - means[1])
    assert found.interval == pytest.approx(tuple(np.percentile(naive, [2.5, 97.5])), abs=0.03)


def test_runs_of_one_seed_are_paired_whatever_their_order() -> None:
    found = only({"a": A, "b": B}).seeds
    differences = [f1_macro(A[seed]) - f1_macro(B[seed]) for seed in "123"]
    mean, sd = np.mean(differences), np.std(differences, ddof=1)
    assert found
    assert found.t == pytest.approx(mean / (sd / math.sqrt(3)))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.t), 2))
    assert found.d_z == pytest.approx(mean / sd)


def test_seeds_that_one_system_lacks_are_left_out_of_the_test_over_seeds_alone() -> None:
    found = only({"a": A, "b": {seed: B[seed] for seed in "13"}})
    assert found.runs == 2
    assert found.seeds == only({"a": {seed: A[seed] for seed in "13"}, "b": {seed: B[seed] for seed in "13"}}).seeds
    assert found.difference == pytest.approx(
        np.mean([f1_macro(A[seed]) for seed in "123"]) - np.mean([f1_macro(B[seed]) for seed in "13"])
    )


def test_without_two_common_seeds_there_is_no_test_over_seeds() -> None:
    found = only({"a": {"1": A["1"], "2": A["2"]}, "b": {"2": B["2"], "3": B["3"]}})
    assert (found.runs, found.seeds, found.seeds_p_holm) == (1, None, None)
    assert only({"a": {"1": A["1"], "2": A["2"]}, "b": {"3": B["3"]}}).runs == 0


def test_one_run_each_is_one_pair_whatever_they_are_called_and_tested_by_mcnemar() -> None:
    found = only({"a": {"1": A["1"]}, "b": {"7": B["2"]}})
    assert (found.runs, found.seeds, found.test) == (1, None, "mcnemar")
    assert found.p == mcnemar(A["1"], B["2"])


def test_the_test_over_seeds_by_hand() -> None:
    """Differences 2, 4, 9: mean 5, sd 13**.5; t = 5 / (13**.5 / 3**.5)."""
    found = over_seeds([3, 6, 10], [1, 2, 1])
    assert found
    assert found.d_z == pytest.approx(5 / 13**0.5)
    assert found.t == pytest.approx(5 / 13**0.5 * 3**0.5)
    assert found.p == pytest.approx(stats.ttest_1samp([2, 4, 9], 0).pvalue)


@pytest.mark.parametrize(("first", "second"), [([], []), ([0.9], [0.1]), ([0.9, 0.8, 0.7], [0.7, 0.6, 0.5])])
def test_too_few_seeds_and_equal_differences_are_no_test(first: list[float], second: list[float]) -> None:
    assert over_seeds(first, second) is None


def by_hand(p_values: Sequence[float]) -> list[float]:
    """Holm: the k-th smallest of m is multiplied by m - k + 1, never below the one before it, at most 1."""
    corrected = [0.0] * len(p_values)
    least = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = least
    return corrected


@settings(max_examples=20)  # statsmodels collects garbage at each call, which takes a while
@given(strategies.lists(strategies.floats(0, 1), max_size=8))
def test_holm_is_that_by_hand(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(by_hand(p_values))


def test_p_values_are_corrected_over_the_pairs_of_one_task_and_split() -> None:
    c = {"1": noisy(77, 0.8), "9": noisy(78, 0.8)}
    both = {name: {seed: [*rows, *split("unseen", rows[:50])] for seed, rows in runs.items()}
            for name, runs in (("a", A), ("b", B), ("c", c))}  # fmt: skip
    found = pairs(both, 300)
    assert [(p.split, p.first, p.second) for p in found] == [
        (split, *names) for split in ("test", "unseen") for names in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    for name in ("test", "unseen"):
        of_split = [pair for pair in found if pair.split == name]
        assert [pair.p_holm for pair in of_split] == pytest.approx(by_hand([pair.p for pair in of_split]))
        assert [pair.runs for pair in of_split] == [3, 1, 1]
        assert of_split[0].seeds
        assert [pair.seeds_p_holm for pair in of_split] == [of_split[0].seeds.p, None, None]  # one test: no correction


def test_p_values_over_seeds_are_corrected_for_their_own_number() -> None:
    found = pairs({"a": A, "b": B, "c": {seed: noisy(int(seed) + 50, 0.6) for seed in "123"}}, 100)
    p_values = [pair.seeds.p for pair in found if pair.seeds]
    assert len(p_values) == 3
    assert [pair.seeds_p_holm for pair in found] == pytest.approx(by_hand(p_values))


def split(name: str, rows: Sequence[Prediction]) -> list[Prediction]:
    return [label(row.id, row.gold, row.predicted, split=name) for row in rows]


def test_a_split_or_task_that_one_system_lacks_is_not_compared() -> None:
    joint = [*A["1"], *split("unseen", A["1"]), words("1", "BI", "BI")]
    found = pairs({"a": {"": joint}, "b": {"": [*B["1"], words("1", "BI", "BO")]}}, 50)
    assert [(pair.task, pair.split, pair.test) for pair in found] == [
        ("cls", "test", "mcnemar"), ("span", "test", "bootstrap"),
    ]  # fmt: skip
    assert pairs({"a": {"": A["1"]}}, 50) == []
    assert pairs({"a": {"": A["1"]}, "b": {"": split("unseen", B["1"])}}, 50) == []


def test_other_rows_are_refused_with_their_ids_and_the_runs_they_are_of() -> None:
    with pytest.raises(UserError, match=r"a and b 2 have different rows: 1 only in a \(79 of cls test\)"):
        pairs({"a": {"": A["1"]}, "b": {"1": B["1"], "2": B["2"][:-1]}}, 50)
    with pytest.raises(UserError, match=r"a 1 and a 2 have different rows"):
        pairs({"a": {"1": A["1"], "2": A["2"][:-1]}, "b": {"": B["1"]}}, 50)


def test_rows_without_gold_are_passed_over() -> None:
    unlabelled = label("new", None, LABELS[0])
    found = only({"a": {"": [*A["1"], unlabelled]}, "b": {"": B["1"]}})
    assert found == only({"a": {"": A["1"]}, "b": {"": B["1"]}})
    assert pairs({"a": {"": [unlabelled]}, "b": {"": [unlabelled]}}, 50) == []


def test_systems_that_are_alike_do_not_differ() -> None:
    for systems in ({"a": {"": A["1"]}, "b": {"": A["1"]}}, {"a": A, "b": A}):
        found = only(systems)
        assert (found.difference, found.interval, found.p, found.p_holm, found.seeds) == (
            0.0,
            (0.0, 0.0),
            1.0,
            1.0,
            None,
        )


def test_the_other_way_round_the_sign_alone_is_another() -> None:
    one, other = only({"a": A, "b": B}), only({"b": B, "a": A})
    assert other.difference == pytest.approx(-one.difference)
    assert other.interval == pytest.approx((-one.interval[1], -one.interval[0]))
    assert other.p == one.p
    assert one.seeds
    assert other.seeds
    assert (other.seeds.t, other.seeds.d_z) == (pytest.approx(-one.seeds.t), pytest.approx(-one.seeds.d_z))
    assert other.seeds.p == pytest.approx(one.seeds.p)


def test_the_order_of_rows_changes_nothing() -> None:
    shuffled = {seed: [rows[i] for i in np.random.default_rng(int(seed)).permutation(80)] for seed, rows in A.items()}
    assert pairs({"a": shuffled, "b": B}, 20) == pairs({"a": A, "b": B}, 20)


@settings(max_examples=15)
@given(
    strategies.lists(
        strategies.tuples(strategies.sampled_from(LABELS), strategies.integers(0, 4), strategies.integers(0, 4)),
        min_size=1,
        max_size=12,
    )
)
def test_every_figure_is_finite_and_every_p_a_probability(rows: list[tuple[str, int, int]]) -> None:
    systems = {
        name: {seed: [sure(i, row[0], (row[side] * weight) % 5 / 4) for i, row in enumerate(rows)] for seed, weight in
               (("1", 1), ("2", 3))}
        for side, name in ((1, "a"), (2, "b"))
    }  # fmt: skip
    pair = only(systems, 20)
    json.dumps(asdict(pair), allow_nan=False)
    assert 0 < pair.p <= pair.p_holm <= 1
    assert pair.interval[0] <= pair.interval[1]
    assert -1 <= pair.difference <= 1


def test_the_tests_draw_as_many_samples_as_make_the_least_p_small() -> None:
    """Of n draws no p is below 1 / (n + 1)."""
    rows = [words(i, "BI", "BI") for i in range(40)], [words(i, "BI", "OO") for i in range(40)]
    found = only({"a": {"": rows[0]}, "b": {"": rows[1]}}, significance.SAMPLES)
    assert (found.difference, found.p) == (1.0, 1 / 10_001)

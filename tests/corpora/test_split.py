"""Which row goes to which split: sizes, seeds, held-out groups, subsets.

pytest tests/corpora/test_split.py
"""

import random
from collections import Counter
from typing import Any

import pytest

from src import corpora
from src.core.config import PrepareParams
from src.core.user_errors import UserError
from src.corpora import corpus_file
from src.corpora.corpus_file import Corpus
from src.corpora.rows import Row
from src.corpora.split import assign, held_out, largest_remainder, subset
from tests.corpora.conftest import SmallCorpus

UNSEEN = ["שחה נגד הזרם", "סגר את הברז", "תלה את הנעליים", "הרכין ראש"]


def params(**changes: Any) -> PrepareParams:
    """Parameters of a fresh split in the usual shares, with changes."""
    usual: dict[str, Any] = {
        "corpus": "sample", "split": "fresh", "unseen_groups": None, "validation_fraction": 0.1, "test_fraction": 0.1,
        "split_seed": 42, "folds": None, "fold": None, "group_by": None, "group_column": None,
        "max_samples": None,
    }  # fmt: skip
    return PrepareParams(**usual | changes)


def placed(rows: list[Row], meta: Corpus, chosen: PrepareParams) -> list[Row]:
    """The rows as prepare places them."""
    return subset(assign(rows, held_out(rows, meta, chosen), chosen), chosen.max_samples, chosen.split_seed)


def split_of(rows: list[Row]) -> dict[str, str]:
    """{id: split}."""
    found = {row.example.id: row.example.split for row in rows}
    assert len(found) == len(rows)
    return found


def counts(rows: list[Row], *fields: str) -> Counter[tuple[Any, ...]]:
    """How many rows there are of each combination of these fields."""
    return Counter(tuple(getattr(row.example, field) for field in fields) for row in rows)


def test_a_fresh_split_gives_every_seen_idiom_and_label_8_1_1_rows(sample: list[Row], meta: Corpus) -> None:
    rows = placed(sample, meta, params())
    sizes = counts(rows, "group", "label", "split")
    for group in {row.example.group for row in sample}:
        for label in ("Literal", "Figurative"):
            found = {split: sizes[(group, label, split)] for split in ("train", "validation", "test", "unseen")}
            expected = (0, 0, 0, 10) if group in UNSEEN else (8, 1, 1, 0)
            assert tuple(found.values()) == expected, (group, label)


def test_a_split_changes_nothing_but_the_split(sample: list[Row], meta: Corpus) -> None:
    def without(row: Row) -> tuple[Any, ...]:
        return row.example.id, row.example.text, row.example.label, row.example.tags, row.place

    assert [without(row) for row in placed(sample, meta, params())] == [without(row) for row in sample]


def test_the_same_seed_draws_the_same_and_another_seed_draws_otherwise(sample: list[Row], meta: Corpus) -> None:
    first, again, other = (split_of(placed(sample, meta, params(split_seed=seed))) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    for name in ("validation", "test"):
        ids, others = ({key for key, split in found.items() if split == name} for found in (first, other))
        assert len(ids) == len(others) == 56
        assert len(ids & others) < 28


@pytest.mark.parametrize("changes", [{}, {"max_samples": 100}, {"split": "own", "max_samples": 100}], ids=str)
def test_the_order_of_the_rows_has_no_say(sample: list[Row], meta: Corpus, changes: dict[str, Any]) -> None:
    shuffled = random.Random(0).sample(sample, len(sample))
    rows = placed(shuffled, meta, params(**changes))
    assert split_of(rows) == split_of(placed(sample, meta, params(**changes)))
    order = {row.example.id: i for i, row in enumerate(shuffled)}
    places = [order[row.example.id] for row in rows]
    assert places == sorted(places), "rows are to stay in the order in which they came"


def test_rows_of_one_idiom_do_not_change_the_split_of_another(sample: list[Row], meta: Corpus) -> None:
    whole = split_of(placed(sample, meta, params()))
    fewer = split_of(placed(sample[40:], meta, params(unseen_groups=[])))
    assert fewer.keys() < whole.keys()
    assert all(whole[key] in (split, "unseen") for key, split in fewer.items())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("groups", [None, ["הרכין ראש"], []], ids=["of the corpus", "one", "none"])
def test_groups_that_are_held_out_never_leak(
    sample: list[Row], meta: Corpus, seed: int, groups: list[str] | None
) -> None:
    rows = placed(sample, meta, params(split_seed=seed, unseen_groups=groups))
    expected = set(UNSEEN if groups is None else groups)
    for row in rows:
        assert (row.example.split == "unseen") == (row.example.group in expected), row.place


def test_the_groups_that_are_held_out_are_those_of_the_parameters_else_of_the_corpus(meta: Corpus) -> None:
    assert held_out([], meta, params()) == UNSEEN
    assert held_out([], meta, params(unseen_groups=[])) == []
    assert held_out([], meta, params(unseen_groups=["x"])) == ["x"]


def test_a_held_out_group_that_does_not_exist_is_met_with_the_nearest(sample: list[Row], meta: Corpus) -> None:
    with pytest.raises(UserError) as error:
        placed(sample, meta, params(unseen_groups=["הרכין ראש", "סגר הברז"]))
    assert str(error.value).startswith("unknown unseen group 'סגר הברז', did you mean 'סגר את הברז'? Legal: ")


@pytest.mark.parametrize(
    ("validation", "test", "sizes"),
    [(0.1, 0.1, (8, 1, 1)), (0.2, 0.3, (5, 2, 3)), (0.0, 0.5, (5, 0, 5)), (0.15, 0.1, (8, 1, 1)),
     (0.1, 0.15, (8, 1, 1))],
)  # fmt: skip
def test_the_fractions_decide_the_sizes(
    sample: list[Row], meta: Corpus, validation: float, test: float, sizes: tuple[int, int, int]
) -> None:
    rows = placed(sample, meta, params(validation_fraction=validation, test_fraction=test))
    found = counts(rows, "split")
    assert (found[("train",)], found[("validation",)], found[("test",)]) == tuple(56 * size for size in sizes)


def test_a_split_of_ones_own_is_that_of_the_file_whatever_the_seed(corpus: SmallCorpus) -> None:
    folder = corpus.write()
    meta = corpus_file.load(folder)
    for seed in (1, 2):
        rows = placed(list(corpora.read(folder, meta)), meta, params(split="own", split_seed=seed, test_fraction=0.5))
        assert [row.example.split for row in rows] == [row["split"] for row in corpus.rows]


def test_a_split_of_ones_own_that_is_unknown_is_named_with_row_and_column(corpus: SmallCorpus) -> None:
    corpus.rows[5]["split"] = "dev"
    folder = corpus.write()
    meta = corpus_file.load(folder)
    rows = list(corpora.read(folder, meta))
    with pytest.raises(UserError) as error:
        placed(rows, meta, params(split="own"))
    assert str(error.value).startswith(f"{corpus.file}, row 7, column 'split': unknown split; ")
    assert "train, validation, test, unseen" in str(error.value)
    assert str(error.value).endswith("'dev'")
    placed(rows, meta, params(unseen_groups=[]))  # a fresh split does not read the column


def test_a_subset_is_spread_over_splits_and_labels_in_proportion(sample: list[Row], meta: Corpus) -> None:
    rows = placed(sample, meta, params(split="own", max_samples=160))  # a quarter of 448, 56, 56 and 80
    expected = {"train": 56, "validation": 7, "test": 7, "unseen": 10}
    assert counts(rows, "split", "label") == {
        (split, label): size for split, size in expected.items() for label in ("Literal", "Figurative")
    }


@pytest.mark.parametrize("size", [1, 2, 7, 99, 639, 640, 10_000])
def test_a_subset_has_exactly_the_size_that_was_asked_for(sample: list[Row], meta: Corpus, size: int) -> None:
    rows = placed(sample, meta, params(max_samples=size))
    assert len(rows) == min(size, 640)
    whole = split_of(placed(sample, meta, params()))
    assert split_of(rows).items() <= whole.items(), "a subset is to leave every row in its split"


def test_a_subset_is_drawn_by_the_seed_and_is_not_the_first_rows(sample: list[Row], meta: Corpus) -> None:
    first, again, other = (
        split_of(placed(sample, meta, params(split="own", max_samples=160, split_seed=seed))).keys()
        for seed in (1, 1, 2)
    )
    assert first == again
    assert len(first & other) < 80
    for split in ("train", "unseen"):
        for label in ("Literal", "Figurative"):
            stratum = [row.example for row in sample if (row.example.split, row.example.label) == (split, label)]
            taken = [example.id in first for example in stratum]
            assert taken != sorted(taken, reverse=True), "the first rows of the stratum were taken"


@pytest.mark.parametrize(
    ("total", "shares", "sizes"),
    [
        (40, [0.8, 0.1, 0.1], [32, 4, 4]),
        (10, [0.8, 0.1, 0.1], [8, 1, 1]),
        (5, [0.8, 0.1, 0.1], [4, 1, 0]),  # 4, 0.5, 0.5: the first of equal remainders
        (9, [0.8, 0.1, 0.1], [7, 1, 1]),  # 7.2, 0.9, 0.9
        (1, [0.8, 0.1, 0.1], [1, 0, 0]),
        (0, [0.8, 0.1, 0.1], [0, 0, 0]),
        (10, [1 - 0.1 - 0.2, 0.1, 0.2], [7, 1, 2]),
        (1, [1 - 0.4 - 0.2, 0.4, 0.2], [1, 0, 0]),  # 0.4 and 0.4, though floats say 0.39999999999999997
        (3, [1 / 3, 1 / 3, 1 / 3], [1, 1, 1]),
        (100, [0.335, 0.335, 0.33], [34, 33, 33]),
        (10, [0.26, 0.26, 0.48], [3, 2, 5]),  # 2.6, 2.6, 4.8: 4.8 first, then the first 2.6
    ],
)
def test_a_number_is_divided_by_largest_remainder(total: int, shares: list[float], sizes: list[int]) -> None:
    assert largest_remainder(total, shares) == sizes


def test_what_is_divided_adds_up_and_is_less_than_one_from_its_share() -> None:
    draw = random.Random(3)
    for _ in range(2000):
        weights = [draw.random() for _ in range(draw.randrange(1, 9))]
        total, shares = draw.randrange(500), [weight / sum(weights) for weight in weights]
        sizes = largest_remainder(total, shares)
        assert sum(sizes) == total
        assert all(abs(size - total * share) < 1 for size, share in zip(sizes, shares, strict=True)), (total, shares)

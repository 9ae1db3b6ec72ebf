"""Cross-validation: what each fold tests, in parts of every idiom and in whole idioms.

pytest tests/corpora/test_folds.py
"""

import json
import random
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src import corpora
from src.core import config
from src.core.config import PrepareParams
from src.core.records import SPLITS, read_examples
from src.core.user_errors import UserError
from src.corpora import corpus_file
from src.corpora.corpus_file import Corpus
from src.corpora.intake_checks import check_leaks, check_sizes
from src.corpora.rows import Row
from src.corpora.split import assign, held_out
from tests.conftest import ROOT
from tests.corpora.conftest import SAMPLE

LABELS = ("Literal", "Figurative")
GROUPED = {"group_by": "group"}


def params(fold: int, folds: int, **changes: Any) -> PrepareParams:
    """Parameters of one fold, the others as shipped, with changes."""
    shipped = config.load(ROOT / "params.yaml").prepare.model_dump()
    return PrepareParams(**shipped | {"split": "fresh", "fold": fold, "folds": folds} | changes)


def splits_of(rows: Sequence[Row], meta: Corpus, chosen: PrepareParams) -> dict[str, str]:
    """{id: split}, after the checks of the prepare stage."""
    unseen = held_out(rows, meta, chosen)
    placed = assign(rows, unseen, chosen)
    check_leaks(placed)
    check_sizes(placed, unseen)
    return {row.example.id: row.example.split for row in placed}


def ids(splits: dict[str, str], name: str) -> set[str]:
    """The ids of one split."""
    return {key for key, split in splits.items() if split == name}


def changed(row: Row, **fields: Any) -> Row:
    """A row whose example has other values."""
    return replace(row, example=replace(row.example, **fields))


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
@pytest.mark.parametrize(("changes", "tested"), [({}, "test"), (GROUPED, "unseen")], ids=["stratified", "grouped"])
def test_over_all_folds_every_row_is_tested_exactly_once(
    sample: list[Row], meta: Corpus, folds: int, changes: dict[str, Any], tested: str
) -> None:
    found = [splits_of(sample, meta, params(fold, folds, **changes)) for fold in range(folds)]
    expected = {row.example.id for row in sample if changes or row.example.group not in meta.unseen_groups}
    assert Counter(key for splits in found for key in ids(splits, tested)) == dict.fromkeys(expected, 1)
    assert all(set(splits.values()) == set(SPLITS) for splits in found)


@pytest.mark.parametrize("fold", range(3))
def test_idioms_that_are_held_out_stay_unseen_whole_in_every_stratified_fold(
    sample: list[Row], meta: Corpus, fold: int
) -> None:
    for groups in (None, [], ["הרכין ראש"]):
        expected = set(meta.unseen_groups if groups is None else groups)
        unseen = ids(splits_of(sample, meta, params(fold, 3, unseen_groups=groups)), "unseen")
        assert unseen == {row.example.id for row in sample if row.example.group in expected}


@pytest.mark.parametrize(
    ("folds", "validation", "sizes"),
    [
        (5, 0.1, (7, 1, 2)),  # of 10 rows: 2 of test, 1 of validation
        (10, 0.1, (8, 1, 1)),  # as without folds
        (2, 0.2, (3, 2, 5)),
        (2, 0.0, (5, 0, 5)),
    ],
)
def test_a_stratified_fold_has_the_same_share_of_every_idiom_and_label(
    sample: list[Row], meta: Corpus, folds: int, validation: float, sizes: tuple[int, int, int]
) -> None:
    for fold in range(folds):
        chosen = params(fold, folds, validation_fraction=validation, test_fraction=0.77)  # which has no say
        rows = assign(sample, held_out(sample, meta, chosen), chosen)
        found = Counter((row.example.group, row.example.label, row.example.split) for row in rows)
        for group in {row.example.group for row in sample} - set(meta.unseen_groups):
            for label in LABELS:
                assert tuple(found[(group, label, split)] for split in SPLITS[:3]) == sizes, (group, label)


def test_folds_of_groups_that_do_not_divide_evenly_differ_by_one_row(sample: list[Row], meta: Corpus) -> None:
    for fold in range(3):
        tested = ids(splits_of(sample, meta, params(fold, 3)), "test")
        sizes = Counter((row.example.group, row.example.label) for row in sample if row.example.id in tested)
        assert set(sizes.values()) <= {3, 4}
        assert len(sizes) == 28 * 2


@pytest.mark.parametrize("folds", [2, 4, 5, 32])
def test_a_grouped_fold_holds_whole_idioms_out_and_reports_seen_ones_too(
    sample: list[Row], meta: Corpus, folds: int
) -> None:
    for fold in range(folds):
        splits = splits_of(sample, meta, params(fold, folds, **GROUPED))
        sizes = Counter((row.example.group, row.example.label, splits[row.example.id]) for row in sample)
        groups = {group for group, _, split in sizes if split == "unseen"}
        assert len(groups) in (32 // folds, 32 // folds + 1)
        for group in {row.example.group for row in sample}:
            for label in LABELS:
                found = tuple(sizes[(group, label, split)] for split in SPLITS)
                assert found == ((0, 0, 0, 10) if group in groups else (8, 1, 1, 0)), (group, label)


def test_a_grouped_fold_is_balanced_in_labels_where_idioms_are_not(sample: list[Row], meta: Corpus) -> None:
    groups = sorted({str(row.example.group) for row in sample})
    kept = {group: LABELS[i % 2] for i, group in enumerate(groups)}  # each idiom in one label only
    rows = [row for row in sample if row.example.label == kept[str(row.example.group)]]
    for fold in range(4):
        unseen = ids(splits_of(rows, meta, params(fold, 4, **GROUPED)), "unseen")
        assert Counter(row.example.label for row in rows if row.example.id in unseen) == dict.fromkeys(LABELS, 40)


def test_groups_of_very_different_size_leave_no_fold_empty(sample: list[Row], meta: Corpus) -> None:
    rows = [changed(row, group=str(min(int(i**0.5), 5))) for i, row in enumerate(sample)]  # 1, 3, 5, 7, 9, 615 rows
    for fold in range(6):
        assert len(held_out(rows, meta, params(fold, 6, **GROUPED))) == 1


@pytest.mark.parametrize("changes", [{}, GROUPED], ids=["stratified", "grouped"])
def test_the_same_seed_draws_the_same_folds_and_another_seed_draws_others(
    sample: list[Row], meta: Corpus, changes: dict[str, Any]
) -> None:
    tested = "unseen" if changes else "test"
    first, again, other = (
        [splits_of(sample, meta, params(fold, 4, split_seed=seed, **changes)) for fold in range(4)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert not {frozenset(ids(splits, tested)) for splits in first} & {frozenset(ids(s, tested)) for s in other}


@pytest.mark.parametrize("changes", [{}, GROUPED], ids=["stratified", "grouped"])
def test_the_order_of_the_rows_has_no_say_in_folds(sample: list[Row], meta: Corpus, changes: dict[str, Any]) -> None:
    shuffled = random.Random(0).sample(sample, len(sample))
    chosen = params(1, 5, **changes)
    assert splits_of(shuffled, meta, chosen) == splits_of(sample, meta, chosen)


def test_an_idiom_with_fewer_rows_than_folds_is_in_some_of_the_folds_without_a_warning(
    sample: list[Row], meta: Corpus
) -> None:
    rare = [row for row in sample if row.example.group == "שבר את הקרח"][:3]
    assert len(rare) == 3
    rows = [row for row in sample if row.example.group != "שבר את הקרח"] + rare
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [splits_of(rows, meta, params(fold, 5)) for fold in range(5)]
    assert Counter(key for splits in found for key in ids(splits, "test")).total() == 27 * 20 + 3


def test_rows_without_a_group_and_a_label_can_be_tested_in_stratified_folds(sample: list[Row], meta: Corpus) -> None:
    rows = [changed(row, group=None, label=None) for row in sample]
    found = [splits_of(rows, meta, params(fold, 5, unseen_groups=[])) for fold in range(5)]
    assert [Counter(splits.values()) for splits in found] == [{"train": 448, "validation": 64, "test": 128}] * 5


@pytest.mark.parametrize("changes", [{}, GROUPED], ids=["stratified", "grouped"])
def test_rows_without_a_label_are_balanced_by_whether_they_have_an_answer(
    sample: list[Row], meta: Corpus, changes: dict[str, Any]
) -> None:
    rows = [
        changed(row, label=None, group=f"g{i // 10}" if changes else None, answers=[[0, 1]] if i // 10 % 4 == 0 else [])
        for i, row in enumerate(sample)
    ]  # a quarter of the rows, and whole groups, have an answer
    tested = "unseen" if changes else "test"
    for fold in range(4):
        found = ids(
            splits_of(rows, meta, params(fold, 4, **{"unseen_groups": None if changes else []}, **changes)), tested
        )
        assert sum(bool(row.example.answers) for row in rows if row.example.id in found) == 40


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"split": "own", "folds": 5, "fold": 0}, ["prepare.split: own", "prepare.folds"]),
        ({"folds": 5}, ["prepare.fold ", "prepare.folds"]),
        ({"fold": 0}, ["prepare.fold ", "prepare.folds"]),
        ({"split": "own", "fold": 0}, ["prepare.fold ", "prepare.folds"]),
        ({"folds": 5, "fold": 5}, ["prepare.fold: 5", "prepare.folds", "0 to 4"]),
        (
            {"folds": 5, "fold": 0, "group_by": "group", "unseen_groups": []},
            ["prepare.group_by", "prepare.unseen_groups"],
        ),
        ({"folds": 2, "fold": 0, "validation_fraction": 0.5}, ["prepare.validation_fraction", "prepare.folds"]),
        ({"folds": 1, "fold": 0}, ["prepare.folds: ", "not 1"]),
        ({"folds": 5, "fold": -1}, ["prepare.fold: ", "not -1"]),
        ({"folds": 5, "fold": 0, "group_by": "idiom"}, ["prepare.group_by: ", "'group'", "not 'idiom'"]),
        ({"split_seed": -1}, ["prepare.split_seed: ", "not -1"]),
    ],
    ids=str,
)
def test_parameters_of_folds_that_contradict_one_another_are_named(
    params_file: Callable[..., Path], changes: dict[str, Any], keys: list[str]
) -> None:
    with pytest.raises(UserError) as error:
        config.load(params_file({f"prepare.{key}": value for key, value in ({"split": "fresh"} | changes).items()}))
    assert "\n" not in str(error.value)
    for key in keys:
        assert key in str(error.value)


def test_a_fraction_of_test_that_has_no_say_cannot_contradict_folds() -> None:
    assert params(0, 5, validation_fraction=0.5, test_fraction=0.9).tested_fraction == 0.2
    assert params(0, 2, validation_fraction=0.5, test_fraction=0.4, **GROUPED).tested_fraction == 0.4


def test_more_folds_than_groups_or_rows_are_refused_with_what_there_is(sample: list[Row], meta: Corpus) -> None:
    with pytest.raises(UserError) as error:
        held_out(sample, meta, params(0, 33, **GROUPED))
    assert "prepare.folds: 33" in str(error.value)
    assert "32 groups" in str(error.value)
    assert "prepare.group_by" in str(error.value)
    with pytest.raises(UserError) as error:
        splits_of(sample, meta, params(0, 11))
    assert "prepare.folds: 11" in str(error.value)
    assert "10 rows of any group and label" in str(error.value)
    alone = [changed(row, group=row.example.id, label=row.example.id) for row in sample]
    with pytest.raises(UserError, match="1 rows of any label"):
        held_out(alone, meta, params(0, 2, **GROUPED))


def test_a_row_without_a_group_cannot_be_kept_with_its_group(sample: list[Row], meta: Corpus) -> None:
    rows = [changed(row, group=None) if i == 7 else row for i, row in enumerate(sample)]
    with pytest.raises(UserError) as error:
        held_out(rows, meta, params(0, 4, **GROUPED))
    assert "prepare.group_by" in str(error.value)
    assert rows[7].place in str(error.value)


@pytest.fixture(scope="module")
def idioms(hebrew_idioms: Path) -> tuple[list[Row], Corpus]:
    """The rows of the real corpus, and its corpus.yaml."""
    found = corpus_file.load(hebrew_idioms)
    return list(corpora.read(hebrew_idioms, found)), found


def test_six_folds_leave_each_of_the_60_real_idioms_out_once(idioms: tuple[list[Row], Corpus]) -> None:
    rows, meta = idioms
    left_out: Counter[str] = Counter()
    for fold in range(6):
        splits = splits_of(rows, meta, params(fold, 6, **GROUPED))
        sizes = Counter((row.example.group, row.example.label, splits[row.example.id]) for row in rows)
        groups = {str(group) for group, _, split in sizes if split == "unseen"}
        assert len(groups) == 10
        left_out.update(groups)
        for group in {str(row.example.group) for row in rows}:
            for label in LABELS:
                found = tuple(sizes[(group, label, split)] for split in SPLITS)
                assert found == ((0, 0, 0, 40) if group in groups else (32, 4, 4, 0)), (group, label)
    assert set(left_out.values()) == {1}
    assert len(left_out) == 60


def test_ten_folds_of_the_real_corpus_have_the_sizes_of_its_own_split(idioms: tuple[list[Row], Corpus]) -> None:
    rows, meta = idioms
    found = [splits_of(rows, meta, params(fold, 10)) for fold in range(10)]
    expected = {"train": 3456, "validation": 432, "test": 432, "unseen": 480}
    assert [Counter(splits.values()) for splits in found] == [expected] * 10
    assert len(set().union(*(ids(splits, "test") for splits in found))) == 4320


@pytest.mark.parametrize("group_by", [None, "group"])
def test_the_stage_writes_the_fold_and_says_which_it_is(
    params_file: Callable[..., Path], stage: Callable[..., Any], tmp_path: Path, group_by: str | None
) -> None:
    changes = {"prepare.split": "fresh", "prepare.folds": 4, "prepare.fold": 3, "prepare.group_by": group_by}
    ended = stage("prepare", "--params", params_file(changes), "--corpus", SAMPLE, "--out", tmp_path / "out",
                  "--statistics", tmp_path / "data.json")  # fmt: skip
    assert ended.status == 0, ended.err
    assert "Warning" not in ended.err
    found = {split: read_examples(tmp_path / "out" / f"{split}.jsonl") for split in SPLITS}
    statistics = json.loads((tmp_path / "data.json").read_text(encoding="utf-8"))
    assert {split: rows["rows"] for split, rows in statistics["splits"].items()} == {
        split: len(examples) for split, examples in found.items()
    }
    assert (statistics["folds"], statistics["fold"], statistics.get("group_by")) == (4, 3, group_by)
    unseen = {example.group for example in found["unseen"]}
    assert set(statistics["unseen_groups"]) == unseen
    assert len(unseen) == (8 if group_by else 4)
    assert not unseen & {example.group for split in SPLITS[:3] for example in found[split]}


def test_the_stage_refuses_more_folds_than_idioms_in_one_line_and_writes_nothing(
    params_file: Callable[..., Path], stage: Callable[..., Any], tmp_path: Path
) -> None:
    changes = {"prepare.split": "fresh", "prepare.folds": 99, "prepare.fold": 0, "prepare.group_by": "group"}
    ended = stage("prepare", "--params", params_file(changes), "--corpus", SAMPLE, "--out", tmp_path / "out",
                  "--statistics", tmp_path / "data.json")  # fmt: skip
    assert ended.status == 2
    assert ended.err.startswith("error: prepare.folds: 99 is more than the 32 groups")
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "data.json").exists()


def test_without_folds_prepare_says_nothing_of_them_and_does_not_import_scikit_learn(tmp_path: Path) -> None:
    code = (
        "import sys; from src.stages import prepare\n"
        f"sys.argv = ['prepare', '--corpus', {str(SAMPLE)!r}, '--out', {str(tmp_path / 'out')!r}, "
        f"'--statistics', {str(tmp_path / 'data.json')!r}]\n"
        "prepare.main(); print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert not {"folds", "fold", "group_by"} & set(json.loads((tmp_path / "data.json").read_text(encoding="utf-8")))

"""The stage prepare: what it writes, and that it writes nothing for any input that is wrong.

pytest tests/stages/test_prepare.py
"""

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.core.records import SPLITS, read_examples
from tests.conftest import Ended
from tests.corpora.conftest import UNSEEN, SmallCorpus, cells

ROOT = Path(__file__).parents[2]
USUAL = {
    "prepare.split": "own", "prepare.unseen_groups": None, "prepare.validation_fraction": 0.1,
    "prepare.test_fraction": 0.1, "prepare.split_seed": 42, "prepare.max_samples": None,
}  # fmt: skip
FRESH = {"prepare.split": "fresh"}
ALPHABET = "אבגדהוזחטיכלמנסעפצקרשת"


@pytest.fixture
def corpus(tmp_path: Path) -> SmallCorpus:
    """A valid corpus that is not written yet."""
    return SmallCorpus(tmp_path / "raw" / "small")


class Prepare:
    """Runs the stage on a corpus and shows what it wrote."""

    def __init__(self, stage: Callable[..., Ended], params_file: Callable[..., Path], tmp_path: Path) -> None:
        self.stage, self.params_file = stage, params_file
        self.root = tmp_path
        self.out, self.statistics = tmp_path / "made" / "prepared", tmp_path / "made" / "metrics" / "data.json"

    def __call__(self, folder: Path, **changes: Any) -> Ended:
        params = self.params_file({**USUAL, **changes})
        return self.stage("prepare", "--params", params, "--corpus", folder, "--out", self.out,
                          "--statistics", self.statistics)  # fmt: skip

    def written(self) -> dict[str, bytes]:
        """All files of `made`, hidden ones too."""
        made = self.root / "made"
        return {str(path.relative_to(made)): path.read_bytes() for path in made.rglob("*") if path.is_file()}

    def data(self) -> dict[str, Any]:
        """The statistics."""
        return json.loads(self.statistics.read_text(encoding="utf-8"))


@pytest.fixture
def prepare(stage: Callable[..., Ended], params_file: Callable[..., Path], tmp_path: Path) -> Prepare:
    """The stage."""
    return Prepare(stage, params_file, tmp_path)


def test_the_sample_becomes_four_files_a_label_set_and_statistics(prepare: Prepare) -> None:
    ended = prepare(ROOT / "data" / "raw" / "sample")
    assert ended.status == 0
    assert ended.err == ""
    assert ended.out == ("prepared sample: train 448, validation 56, test 56, unseen 80 rows; 0 near-duplicate pairs\n")
    assert sorted(prepare.written()) == [
        "metrics/data.json", "prepared/corpus.json", "prepared/idioms.json", "prepared/label_words.json",
        "prepared/labels.json", "prepared/test.jsonl", "prepared/train.jsonl", "prepared/unseen.jsonl",
        "prepared/validation.jsonl",
    ]  # fmt: skip
    assert json.loads((prepare.out / "label_words.json").read_text())["words"].keys() == {"Literal", "Figurative"}
    assert json.loads((prepare.out / "labels.json").read_text()) == ["Literal", "Figurative"]
    idioms = json.loads((prepare.out / "idioms.json").read_text())
    assert len(idioms) == 32
    assert {"פתח דף חדש", "סגר את הברז"} <= set(idioms), "those that are held out are known too"
    examples = {split: read_examples(prepare.out / f"{split}.jsonl") for split in SPLITS}
    assert {split: len(rows) for split, rows in examples.items()} == {
        "train": 448, "validation": 56, "test": 56, "unseen": 80,
    }  # fmt: skip
    assert all(row.split == split for split, rows in examples.items() for row in rows)
    data = prepare.data()
    assert data["corpus"] == "sample"
    assert "synthetic" in data["description"]
    assert {split: found["rows"] for split, found in data["splits"].items()} == {
        "train": 448, "validation": 56, "test": 56, "unseen": 80,
    }  # fmt: skip
    assert data["unseen_groups"] == ["הרכין ראש", "סגר את הברז", "שחה נגד הזרם", "תלה את הנעליים"]
    assert data["near_duplicates"] == {"count": 0, "listed": []}


@pytest.mark.parametrize("changes", [{}, FRESH, {"prepare.max_samples": 20}], ids=["own", "fresh", "subset"])
def test_the_same_input_gives_the_same_bytes_whatever_the_order_of_hashes(
    corpus: SmallCorpus, prepare: Prepare, changes: dict[str, Any]
) -> None:
    for i in range(4):
        marked = f"{ALPHABET} [שבר שתיקה] {'אזשם'[i]}"
        corpus.rows.append(cells(f"near{i}", marked, "Literal", "שבר שתיקה", "train"))
    folder = corpus.write()
    assert prepare(folder, **changes).status == 0
    assert prepare.data()["near_duplicates"]["count"] == 6 or changes == {"prepare.max_samples": 20}
    first = prepare.written()
    command = [sys.executable, "-m", "src.stages.prepare", "--params", str(prepare.root / "params.yaml"), "--corpus",
               str(folder), "--out", str(prepare.out), "--statistics", str(prepare.statistics)]  # fmt: skip
    for seed in ("1", "2"):
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True)
        assert prepare.written() == first


def test_the_order_of_the_rows_changes_the_order_in_a_split_and_nothing_else(
    corpus: SmallCorpus, prepare: Prepare
) -> None:
    changes = {**FRESH, "prepare.max_samples": 40}
    prepare(corpus.write(), **changes)
    before = {split: {row.id for row in read_examples(prepare.out / f"{split}.jsonl")} for split in SPLITS}
    statistics = prepare.data()
    corpus.rows.reverse()
    prepare(corpus.write(), **changes)
    assert {split: {row.id for row in read_examples(prepare.out / f"{split}.jsonl")} for split in SPLITS} == before
    assert prepare.data() == statistics


def test_another_split_seed_draws_another_split_and_holds_out_the_same(corpus: SmallCorpus, prepare: Prepare) -> None:
    folder = corpus.write()
    found = []
    for seed in (1, 2):
        assert prepare(folder, **FRESH, **{"prepare.split_seed": seed}).status == 0
        found.append({split: {row.id for row in read_examples(prepare.out / f"{split}.jsonl")} for split in SPLITS})
    assert found[0]["unseen"] == found[1]["unseen"] == {row["id"] for row in corpus.rows if row["base_pie"] == UNSEEN}
    assert found[0]["test"] != found[1]["test"]
    assert [len(ids) for ids in found[0].values()] == [len(ids) for ids in found[1].values()] == [32, 4, 4, 4]


def test_without_held_out_groups_the_unseen_file_is_empty(corpus: SmallCorpus, prepare: Prepare) -> None:
    corpus.rows = corpus.rows[:40]
    assert prepare(corpus.write(), **FRESH, **{"prepare.unseen_groups": []}).status == 0
    assert (prepare.out / "unseen.jsonl").read_bytes() == b""
    assert list(prepare.data()["splits"]) == ["train", "validation", "test"]
    assert prepare.data()["unseen_groups"] == []


def test_near_duplicates_are_reported_and_do_not_stop_the_stage(corpus: SmallCorpus, prepare: Prepare) -> None:
    corpus.rows.append(cells("one", f"{ALPHABET} [שבר שתיקה]", "Literal", "שבר שתיקה", "train"))
    corpus.rows.append(cells("two", f"{ALPHABET} [שבר שתיקה] אז", "Literal", "שבר שתיקה", "test"))
    ended = prepare(corpus.write())
    assert ended.status == 0
    assert ended.out.endswith("; 1 near-duplicate pairs\n")
    # 30 and 32 letters, so 26 and 28 5-grams, and 26 / 28 = 0.9286
    assert prepare.data()["near_duplicates"] == {"count": 1, "listed": [["one", "two", 0.9286]]}


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    ],
    ids=["byte order mark", "CRLF", "both"],
)
def test_byte_order_mark_and_crlf_change_nothing_that_is_written(
    corpus: SmallCorpus, prepare: Prepare, encode: Callable[[str], bytes]
) -> None:
    assert prepare(corpus.write()).status == 0
    expected = prepare.written()
    assert prepare(corpus.write(encode(corpus.csv()))).status == 0
    assert prepare.written() == expected


def test_decomposed_text_is_written_as_nfc(corpus: SmallCorpus, prepare: Prepare) -> None:
    composed = "é קפה é [שבר café] ö"
    corpus.rows[0] = cells("nfd", unicodedata.normalize("NFD", composed), "Literal", "שבר שתיקה", "train")
    assert prepare(corpus.write()).status == 0
    row = next(row for row in read_examples(prepare.out / "train.jsonl") if row.id == "nfd")
    assert row.text == "é קפה é שבר café ö"
    assert row.tokens == ["é", "קפה", "é", "שבר", "café", "ö"]
    assert row.tags == ["O", "O", "O", "B-IDIOM", "I-IDIOM", "O"]


def test_a_text_twice_in_one_split_is_reported_and_does_not_stop_the_stage(
    corpus: SmallCorpus, prepare: Prepare
) -> None:
    copied(3, 2, lambda text: text.replace(" .", " !"))(corpus)
    assert prepare(corpus.write()).status == 0
    assert prepare.data()["duplicates"] == {
        "texts": 1, "rows": 2, "conflicting_labels": 0, "listed": [["r00", "r01"]],
    }  # fmt: skip
    assert prepare.data()["near_duplicates"]["count"] == 0


def test_a_text_in_two_splits_is_dropped_from_train_where_corpus_yaml_says_so(
    corpus: SmallCorpus, prepare: Prepare
) -> None:
    copied(11, 2, lambda text: text)(corpus)
    corpus.meta["leaks"] = "drop"
    ended = prepare(corpus.write())
    assert ended.status == 0
    assert "train 31, validation 4, test 4, unseen 4 rows" in ended.out
    assert f"1 rows dropped because a later split has the same text: see {prepare.statistics}" in ended.out
    assert prepare.data()["dropped_leaks"] == {"count": 1, "listed": [["r00", "r09"]]}


def test_labels_are_renamed_and_dropped_ones_counted(corpus: SmallCorpus, prepare: Prepare) -> None:
    for row in corpus.rows[:2]:
        row["label_str"] = "Unclear"
    corpus.meta |= {"labels": ["lit", "fig"], "rename": {"Literal": "lit", "Figurative": "fig"}, "drop": ["Unclear"]}
    assert prepare(corpus.write()).status == 0
    assert prepare.data()["dropped_labels"] == {"Unclear": 2}
    assert prepare.data()["splits"]["train"]["labels"] == {"fig": 16, "lit": 14}


def test_groups_that_a_split_of_ones_own_parts_are_refused_where_group_by_says_so(
    corpus: SmallCorpus, prepare: Prepare
) -> None:
    ended = prepare(corpus.write(), **{"prepare.group_by": "group"})
    assert ended.status == 2
    assert "column 'base_pie': leak: " in ended.err
    assert not (prepare.root / "made").exists()


Break = Callable[[SmallCorpus], Any]


def cell(row: int, **values: str) -> Break:
    """Puts other values into the row of this number; the header is row 1."""
    return lambda corpus: corpus.rows[row - 2].update(values)


def copied(row: int, source: int, change: Callable[[str], str], **values: str) -> Break:
    """Gives a row the sentence of another one, changed, with an id and a split of its own."""

    def put(corpus: SmallCorpus) -> None:
        found = corpus.rows[source - 2]
        marked = found["sentence"].replace(found["pie_span"], f"[{found['pie_span']}]")
        old = corpus.rows[row - 2]
        corpus.rows[row - 2] = cells(old["id"], change(marked), found["label_str"], found["base_pie"], old["split"])
        corpus.rows[row - 2].update(values)

    return put


def raw(change: Callable[[list[bytes]], Any]) -> Break:
    """Changes the lines of the file; the header is line 0 of the list."""

    def put(corpus: SmallCorpus) -> bytes:
        lines = corpus.csv().encode().splitlines()
        change(lines)
        return b"\n".join(lines) + b"\n"

    return put


def dropped(column: str) -> Break:
    """Leaves a column out."""
    return lambda corpus: [row.pop(column) for row in corpus.rows]


def meta(**values: Any) -> Break:
    """Changes corpus.yaml."""
    return lambda corpus: corpus.meta.update(values)


def item(lines: list[bytes], number: int, value: bytes) -> None:
    lines[number] = value


# row 2 is: word " שבר שתיקה , word .  with the words at characters 0-9, 10-11, 12-15, 16-21, 22-23, 24-33, 34-35
BAD_ROWS: dict[str, tuple[Break, int, str | None, list[str]]] = {
    "a list that is none": (cell(3, tokens="O O"), 3, "tokens", ["a Python list of strings", "'O O'"]),
    "tags that are no list": (cell(3, iob_tags="O B-IDIOM"), 3, "iob_tags", ["'O B-IDIOM'"]),
    "a list of numbers": (cell(3, tokens="[1, 2]"), 3, "tokens", ["'[1, 2]'"]),
    "an unknown label": (cell(4, label_str="Idiomatic"), 4, "label_str", ["Literal, Figurative", "'Idiomatic'"]),
    "a label in other case": (cell(4, label_str="literal"), 4, "label_str", ["Literal, Figurative", "'literal'"]),
    "no label": (cell(4, label_str=""), 4, "label_str", ["Literal, Figurative", "''"]),
    "a label of -1": (cell(4, label="-1"), 4, "label", ["'0'", "'-1'"]),
    "a label of -1 that has no name": (cell(4, label="-1", label_str="-1"), 4, "label_str", ["'-1'"]),
    "a label that contradicts its name": (cell(4, label="1"), 4, "label", ["'0'", "'1'"]),
    "a name that contradicts its label": (cell(4, label_str="Figurative"), 4, "label", ["'1'", "'0'"]),
    "fewer tags than words": (
        cell(5, iob_tags="['O', 'O', 'B-IDIOM', 'I-IDIOM']"), 5, "iob_tags", ["4 tags for 7 words", "'B-IDIOM'"],
    ),
    "more tags than words": (
        cell(5, iob_tags=str(["O"] * 7 + ["B-IDIOM"])), 5, "iob_tags", ["8 tags for 7 words", "'B-IDIOM'"],
    ),
    "I- without B-": (
        cell(5, iob_tags="['O', 'O', 'I-IDIOM', 'I-IDIOM', 'O', 'O', 'O']"), 5, "iob_tags", ["tag 3, 'I-IDIOM'"],
    ),
    "I- behind O": (
        cell(5, iob_tags="['O', 'O', 'B-IDIOM', 'O', 'I-IDIOM', 'O', 'O']"), 5, "iob_tags", ["tag 5, 'I-IDIOM'"],
    ),
    "a tag that is none": (
        cell(5, iob_tags="['O', 'O', 'B-IDIOM', 'IDIOM', 'O', 'O', 'O']"), 5, "iob_tags", ["tag 4, 'IDIOM'"],
    ),
    "no idiom in the tags": (cell(5, iob_tags=str(["O"] * 7)), 5, "iob_tags", ["'O', 'O'"]),
    "two idioms in the tags": (
        cell(5, iob_tags="['B-IDIOM', 'O', 'B-IDIOM', 'I-IDIOM', 'O', 'O', 'O']"), 5, "iob_tags", ["'B-IDIOM', 'O'"],
    ),
    "a first character that is one off": (cell(6, start_char="11"), 6, "start_char", ["'12'", "'11'"]),
    "an end that is inclusive": (cell(6, end_char="20"), 6, "end_char", ["'21'", "'20'"]),
    "a first word that is one off": (cell(6, start_token="1"), 6, "start_token", ["'2'", "'1'"]),
    "an end word that is inclusive": (cell(6, end_token="3"), 6, "end_token", ["'4'", "'3'"]),
    "a number of words that is wrong": (cell(6, num_tokens="8"), 6, "num_tokens", ["'7'", "'8'"]),
    "an offset that is no number": (cell(6, start_char="12.0"), 6, "start_char", ["'12'", "'12.0'"]),
    "an empty offset": (cell(6, start_char=""), 6, "start_char", ["'12'", "''"]),
    "a mask without its leading zeros": (cell(6, char_mask="11111111100000000000000"), 6, "char_mask", ["'1111111"]),
    "a mask of another span": (cell(6, char_mask="1" + "0" * 34), 6, "char_mask", ["'10000"]),
    "the text of another span": (cell(6, pie_span="שבר"), 6, "pie_span", ["'שבר שתיקה'", "'שבר'"]),
    "a span with a blank too many": (cell(6, pie_span="שבר שתיקה "), 6, "pie_span", ["'שבר שתיקה '"]),
    "a word that is not in the text": (
        cell(7, tokens="['מחוץ', '\"', 'שבר', 'שתיקה', ',', 'אז', '.']"), 7, "tokens", ["'מחוץ'"],
    ),
    "no words": (cell(7, tokens="[]", iob_tags="[]", num_tokens="0"), 7, None, []),
    "an id twice": (cell(9, id="r00"), 9, "id", ["row 2", "'r00'"]),
    "no id": (cell(9, id=""), 9, "id", ["empty", "''"]),
    "a text in two splits but for spaces": (
        copied(10, 2, lambda text: text.replace(' "', "").replace(" .", "")), 10, "sentence", ["row 2"],
    ),
    "a text in train and in test": (
        copied(11, 2, lambda text: text.replace(" .", " ?")), 11, "sentence", ["row 2"],
    ),
    "an empty text": (cell(12, sentence=""), 12, "sentence", ["''"]),
    "a text of blanks": (cell(12, sentence="  "), 12, "sentence", ["'  '"]),
    "an unknown split": (cell(13, split="dev"), 13, "split", ["train, validation, test, unseen", "'dev'"]),
    "no split": (cell(13, split=""), 13, "split", ["''"]),
    "a held-out idiom in train": (cell(43, split="train"), 42, "base_pie", ["row 43", f"'{UNSEEN}'"]),
    "a seen idiom among the unseen": (cell(2, split="unseen"), 2, "base_pie", ["row 3", "'שבר שתיקה'"]),
    "a row with a cell more": (raw(lambda lines: item(lines, 3, lines[3] + b",x")), 4, None, ["15 columns"]),
    "a row with a cell fewer": (
        raw(lambda lines: item(lines, 3, lines[3].rpartition(b",")[0])), 4, None, ["15 columns"],
    ),
    "a row with a delimiter of its own": (
        raw(lambda lines: item(lines, 3, lines[3].replace(b",", b";"))), 4, None, ["15 columns"],
    ),
}  # fmt: skip


def refused(prepare: Prepare, corpus: SmallCorpus, change: Break, changes: dict[str, Any]) -> str:
    """Runs the stage on a broken corpus; the one line that it ends with, which must leave nothing behind."""
    data = change(corpus)
    folder = corpus.write(data if isinstance(data, bytes) else None)
    before = {*prepare.root.rglob("*"), prepare.root / "params.yaml"}
    ended = prepare(folder, **changes)
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert ended.err.endswith("\n")
    assert ended.err.count("\n") == 1
    assert "Traceback" not in ended.err
    assert set(prepare.root.rglob("*")) == before, "something was written"
    return ended.err.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_stops_the_stage_with_file_row_column_and_value(
    prepare: Prepare, corpus: SmallCorpus, name: str
) -> None:
    change, row, column, fragments = BAD_ROWS[name]
    line = refused(prepare, corpus, change, {})
    place = f"{corpus.file}, row {row}" + (f", column '{column}'" if column else "")
    assert line.startswith(place)
    assert not line.removeprefix(place)[0].isdigit()
    for fragment in fragments:
        assert fragment in line
    if column:
        assert "; the value is " in line


BAD_FILES: dict[str, tuple[Break, list[str]]] = {
    "a file that is not there": (
        meta(files=["a.csv", "b.csv"]),
        ["corpus 'small' has no file ", "b.csv", "to fetch it: dvc import somewhere a.csv"],
    ),
    "an encoding that is not UTF-8": (
        raw(lambda lines: item(lines, 7, lines[7].decode().encode("cp1255"))), ["a.csv, line 8 is not UTF-8", "UTF-8"],
    ),
    "UTF-16": (lambda corpus: corpus.csv().encode("utf-16"), ["a.csv, line 1 is not UTF-8"]),
    "an open quote": (
        raw(lambda lines: item(lines, 44, b'"' + lines[44].replace(b'"', b""))), ["a.csv, line 45: not CSV: "],
    ),
    "an open quote among other rows": (
        raw(lambda lines: item(lines, 10, b'"' + lines[10].replace(b'"', b""))), ["a.csv, line 11: not CSV: "],
    ),
    "a quote inside a cell": (
        raw(lambda lines: item(lines, 1, lines[1].replace(b"r00,", b'"r00"x,'))), ["a.csv, line 2: not CSV: "],
    ),
    "an empty file": (lambda corpus: b"", ["a.csv, row 1 is empty; it must have the names of the columns"]),
    "a table with another delimiter": (
        lambda corpus: corpus.csv().replace(",", ";").encode(), ["a.csv, row 1: no column 'id'"],
    ),
    "a header that is a row": (raw(lambda lines: lines.pop(0)), ["a.csv, row 1: no column 'id'"]),
    "a header and no rows": (lambda corpus: corpus.csv().encode().splitlines()[0], ["train split is empty"]),
    "an unknown reader": (meta(reader="idiom"), ["unknown reader 'idiom', did you mean 'idioms'?"]),
    "an unknown key in corpus.yaml": (meta(label=["x"]), ["corpus.yaml: ", "'label'", "did you mean 'labels'?"]),
    "no unseen rows though groups are held out": (
        lambda corpus: corpus.rows.__delitem__(slice(40, None)), ["the unseen split is empty", "'train': 32"],
    ),
    **{
        f"no column {column}": (dropped(column), [f"a.csv, row 1: no column '{column}'; the columns are "])
        for column in ("id", "sentence", "base_pie", "pie_span", "label", "label_str", "tokens", "iob_tags",
                       "start_token", "end_token", "num_tokens", "char_mask", "start_char", "end_char", "split")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_stops_the_stage_with_one_line(prepare: Prepare, corpus: SmallCorpus, name: str) -> None:
    change, fragments = BAD_FILES[name]
    line = refused(prepare, corpus, change, {})
    for fragment in fragments:
        assert fragment in line


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"prepare.max_samples": 2}, ["validation split is empty", "max_samples"]),
        ({**FRESH, "prepare.validation_fraction": 0.0}, ["validation split is empty", "fractions"]),
        ({**FRESH, "prepare.test_fraction": 0.0}, ["test split is empty", "fractions"]),
        (
            {**FRESH, "prepare.unseen_groups": ["סוגר מעגל"]},
            ["unseen group 'סוגר מעגל'", f"did you mean '{UNSEEN}'?", "ירד מן הפסים"],
        ),
        ({**FRESH, "prepare.unseen_groups": [""]}, ["unseen group ''"]),
        (
            {**FRESH, "prepare.unseen_groups": ["שבר שתיקה", "ירד מן הפסים", UNSEEN]},
            ["train split is empty", "unseen_groups"],
        ),
        ({"prepare.unseen_groups": [UNSEEN]}, ["prepare.split: own contradicts prepare.unseen_groups"]),
        ({"prepare.validation_fraction": 0.9}, ["prepare.validation_fraction + prepare.test_fraction"]),
        ({"prepare.max_sample": 3}, ["'prepare.max_sample'", "did you mean 'prepare.max_samples'?"]),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_parameters_that_do_not_fit_the_corpus_stop_the_stage_with_one_line(
    prepare: Prepare, corpus: SmallCorpus, changes: dict[str, Any], fragments: list[str]
) -> None:
    line = refused(prepare, corpus, lambda corpus: None, changes)
    for fragment in fragments:
        assert fragment in line


def test_an_unknown_corpus_is_met_with_those_that_are_known(prepare: Prepare, corpus: SmallCorpus) -> None:
    ended = prepare(corpus.write().with_name("smalls"))
    assert ended == (2, "", "error: unknown corpus 'smalls', did you mean 'small'? Legal: small\n")
    assert not (prepare.root / "made").exists()


def test_a_shipped_corpus_without_its_data_quotes_the_command_that_fetches_them(prepare: Prepare) -> None:
    folder = prepare.root / "raw" / "hebrew_idioms"
    folder.mkdir(parents=True)
    (folder / "corpus.yaml").write_bytes((ROOT / "data/raw/hebrew_idioms/corpus.yaml").read_bytes())
    ended = prepare(folder)
    assert ended.status == 2
    assert f"no file {folder / 'splits/train.csv'}; to fetch it: dvc import https://github.com/" in ended.err
    assert ended.err.count("\n") == 1


def test_a_failing_run_leaves_what_an_earlier_one_wrote(prepare: Prepare, corpus: SmallCorpus) -> None:
    assert prepare(corpus.write()).status == 0
    before = prepare.written()
    corpus.rows[-1]["label"] = "-1"
    assert prepare(corpus.write()).status == 2
    assert prepare.written() == before


@pytest.mark.parametrize(
    "module",
    ["src.stages.prepare", "src.stages.hpo", "src.tools.corpus", "src.analysis.scores", "src.tasks"],
)
def test_what_must_start_quickly_never_imports_torch(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "print([name for name in ('torch', 'transformers', 'tokenizers', 'datasets') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[]\n", "")


def test_running_prepare_never_imports_torch_either(corpus: SmallCorpus, prepare: Prepare) -> None:
    params = prepare.params_file(USUAL)
    code = (
        "import sys\n"
        f"sys.argv = ['prepare', '--params', {str(params)!r}, '--corpus', {str(corpus.write())!r},"
        f" '--out', {str(prepare.out)!r}, '--statistics', {str(prepare.statistics)!r}]\n"
        "from src.stages import prepare\n"
        "prepare.main()\n"
        "assert not {'torch', 'transformers', 'tokenizers', 'datasets'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")

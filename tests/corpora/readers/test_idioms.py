"""The reader `idioms`: what it takes, and what it makes of it. What it refuses: tests/stages/test_prepare.py.

pytest tests/corpora/readers/test_idioms.py
"""

import csv
import unicodedata

import pytest

from src import corpora
from src.core.user_errors import UserError
from src.corpora import corpus_file
from src.corpora.rows import Row
from tests.corpora.conftest import SmallCorpus, cells


def read(corpus: SmallCorpus, data: bytes | None = None) -> list[Row]:
    """The rows of a corpus, written and read."""
    folder = corpus.write(data)
    return list(corpora.read(folder, corpus_file.load(folder)))


def refusal(corpus: SmallCorpus, data: bytes | None = None) -> str:
    """The message with which a corpus is refused, less the path of its file, which it must begin with."""
    with pytest.raises(UserError) as error:
        read(corpus, data)
    message = str(error.value)
    assert message.startswith(f"{corpus.file}, ")
    return message.removeprefix(f"{corpus.file}, ")


def test_a_row_becomes_an_example(corpus: SmallCorpus) -> None:
    corpus.rows = [
        {
            "id": "7", "sentence": 'דובר צה"ל שבר שתיקה.', "base_pie": "שבר שתיקה", "pie_span": "שבר שתיקה",
            "label": "1", "label_str": "Figurative", "tokens": "['דובר', 'צה\"ל', 'שבר', 'שתיקה', '.']",
            "iob_tags": "['O', 'O', 'B-IDIOM', 'I-IDIOM', 'O']", "start_token": "2", "end_token": "4",
            "num_tokens": "5", "char_mask": "00000000001111111110", "start_char": "10", "end_char": "19",
            "split": "dev",
        }
    ]  # fmt: skip
    corpus.meta["splits"] = {"dev": "validation"}
    (row,) = read(corpus)
    assert row.example.id == "7"
    assert row.example.text == 'דובר צה"ל שבר שתיקה.'
    assert row.example.text_pair is None
    assert row.example.group == "שבר שתיקה"
    assert row.example.label == "Figurative"
    assert row.example.tokens == ["דובר", 'צה"ל', "שבר", "שתיקה", "."]
    assert row.example.tags == ["O", "O", "B-IDIOM", "I-IDIOM", "O"]
    assert row.example.split == "validation"
    assert row.place == f"{corpus.file}, row 2"


def test_the_rows_keep_the_order_and_the_splits_of_the_file(corpus: SmallCorpus) -> None:
    found = read(corpus)
    assert [row.example.id for row in found] == [f"r{i:02}" for i in range(44)]
    assert [row.number for row in found] == list(range(2, 46))
    assert [row.example.split for row in found] == [row["split"] for row in corpus.rows]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", [True, False], ids=["last line ended", "last line open"])
def test_line_ends_and_the_byte_order_mark_make_no_difference(
    corpus: SmallCorpus, mark: bytes, line_end: str, last: bool
) -> None:
    expected = [row.example for row in read(corpus)]
    text = corpus.csv(line_end)
    assert text.count("\r") == (45 if line_end == "\r\n" else 0)
    found = read(corpus, mark + (text if last else text.removesuffix(line_end)).encode())
    assert [row.example for row in found] == expected


def test_order_of_columns_and_further_columns_make_no_difference(corpus: SmallCorpus) -> None:
    expected = [row.example for row in read(corpus)]
    corpus.rows = [{"note": "x", **dict(reversed(row.items())), "source": "y, z"} for row in corpus.rows]
    assert [row.example for row in read(corpus)] == expected


def test_quoted_cells_may_hold_commas_quotes_and_line_ends(corpus: SmallCorpus) -> None:
    corpus.rows[0]["note"] = ""
    row = cells("q", 'הוא " אמר , [שבר שתיקה] אז', "Literal", "שבר שתיקה", "train")
    row["sentence"] = row["sentence"].replace(" אז", "\nאז")
    corpus.rows = [row, corpus.rows[1]]
    found = read(corpus)
    assert found[0].example.text == 'הוא " אמר , שבר שתיקה\nאז'
    assert [row.number for row in found] == [2, 3]


def test_text_whose_offsets_count_decomposed_characters_is_read_as_nfc(corpus: SmallCorpus) -> None:
    marked = unicodedata.normalize("NFD", "ב קפה é [שבר café] ö")
    row = cells("nfd", marked, "Literal", "שבר שתיקה", "train")
    assert (row["start_char"], row["end_char"]) == ("9", "18"), "é is two characters in this file"
    corpus.rows = [row]
    (found,) = read(corpus)
    assert found.example.text == "ב קפה é שבר café ö"
    assert unicodedata.is_normalized("NFC", found.example.text)
    assert found.example.tokens == ["ב", "קפה", "é", "שבר", "café", "ö"]
    assert found.example.tags == ["O", "O", "O", "B-IDIOM", "I-IDIOM", "O"]


@pytest.mark.parametrize(
    ("column", "value"), [("start_char", "8"), ("end_char", "17"), ("pie_span", "שבר"), ("char_mask", "0" * 20)]
)
def test_offsets_that_count_decomposed_characters_are_checked_too(corpus: SmallCorpus, column: str, value: str) -> None:
    row = cells("nfd", unicodedata.normalize("NFD", "ב קפה é [שבר café] ö"), "Literal", "שבר שתיקה", "train")
    corpus.rows = [row | {column: value}]
    assert refusal(corpus).startswith(f"row 2, column '{column}': ")


def test_niqqud_in_the_order_of_typing_is_read_as_nfc(corpus: SmallCorpus) -> None:
    typed = "שתיקה" + "ב\u05bc\u05b8"  # dagesh before qamats; NFC has them the other way round, in as many characters
    row = cells("niqqud", f"הוא [שבר {typed}] אז", "Literal", "שבר שתיקה", "train")
    corpus.rows = [row]
    (found,) = read(corpus)
    assert found.example.text == "הוא שבר שתיקהב\u05b8\u05bc אז"
    assert found.example.tokens == ["הוא", "שבר", "שתיקהב\u05b8\u05bc", "אז"]


def test_the_name_of_an_idiom_is_nfc_so_that_it_is_one_group(corpus: SmallCorpus) -> None:
    corpus.rows = [row | {"base_pie": "שבר café"} for row in corpus.rows[:2]]
    corpus.rows[1]["base_pie"] = unicodedata.normalize("NFD", corpus.rows[1]["base_pie"])
    assert {row.example.group for row in read(corpus)} == {"שבר café"}


def test_a_row_without_an_idiom_name_has_no_group(corpus: SmallCorpus) -> None:
    corpus.rows[0]["base_pie"] = ""
    assert read(corpus)[0].example.group is None


@pytest.mark.parametrize("more", [True, False], ids=["one cell more", "one cell fewer"])
def test_a_ragged_row_says_how_many_columns_there_should_be(corpus: SmallCorpus, more: bool) -> None:
    lines = corpus.csv().encode().splitlines()
    lines[3] = lines[3] + b",more" if more else lines[3].rpartition(b",")[0]
    message = refusal(corpus, b"\n".join(lines))
    assert message.startswith("row 4: ")
    assert "15 columns" in message


def test_an_empty_line_does_not_shift_the_numbers_of_the_rows_behind_it(corpus: SmallCorpus) -> None:
    corpus.rows[3]["label"] = "0 "
    lines = corpus.csv().encode().splitlines()
    assert refusal(corpus, b"\n".join(lines)).startswith("row 5, ")
    lines.insert(2, b"")
    assert refusal(corpus, b"\n".join(lines)).startswith("row 6, ")


def test_an_empty_file_has_no_columns(corpus: SmallCorpus) -> None:
    assert refusal(corpus, b"") == "row 1 is empty; it must have the names of the columns"


def test_a_file_with_a_header_alone_has_no_rows(corpus: SmallCorpus) -> None:
    assert read(corpus, corpus.csv().splitlines()[0].encode()) == []


@pytest.mark.parametrize("column", ["tokens", "iob_tags"])
@pytest.mark.parametrize(
    "value",
    ["", "O O", "None", "('O',)", "{'O'}", "['O', 1]", "[['O']]", "'O'", "['O'",
     "__import__('os').getcwd()", "{[]: 1}", "[" * 300],
)  # fmt: skip
def test_only_a_list_of_strings_is_taken_and_nothing_is_run(corpus: SmallCorpus, column: str, value: str) -> None:
    corpus.rows[1][column] = value
    message = refusal(corpus)
    assert message.startswith(f"row 3, column '{column}': a Python list of strings is expected; ")
    assert value[:100] in message


def test_a_cell_that_is_larger_than_csv_takes_is_an_expected_error(corpus: SmallCorpus) -> None:
    corpus.rows[0]["sentence"] = "א" * (csv.field_size_limit() + 1)
    assert "not CSV: field larger than field limit" in refusal(corpus)


def test_a_long_value_is_cut_in_the_message(corpus: SmallCorpus) -> None:
    corpus.rows[0]["tokens"] = "x" * 5000
    message = refusal(corpus)
    assert len(message) < 300
    assert message.endswith("...")


@pytest.mark.parametrize("tags", [["O"] * 6, ["B-IDIOM", "O", "B-IDIOM", "I-IDIOM", "O", "O"]], ids=["none", "two"])
def test_a_row_whose_tags_do_not_mark_exactly_one_idiom_is_refused(corpus: SmallCorpus, tags: list[str]) -> None:
    assert corpus.rows[0]["num_tokens"] == "7"
    corpus.rows[0]["iob_tags"] = str([*tags, "O"])
    assert refusal(corpus).startswith("row 2, column 'iob_tags': ")

"""Readers csv and jsonl: what a corpus.yaml can say of a table, and what is refused.

pytest tests/corpora/readers/test_table.py
"""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src import corpora
from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora import corpus_file
from tests.corpora.conftest import SAMPLE, refusal_of, rows_of

Table = Callable[..., Path]
ENGLISH = 'text,label\nHe broke it,no\n"Ice, ""broken"" here",yes\n'


def examples(folder: Path) -> list[Example]:
    """The examples of a folder."""
    return [row.example for row in rows_of(folder)]


def jsonl(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_a_row_needs_no_more_than_a_text(table: Table) -> None:
    folder = table({"a.csv": "text\nHe broke it\n"}, columns={"text": "text"}, labels=[])
    assert examples(folder) == [Example(id="a.csv-2", text="He broke it", split="")]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(("delimiter", "quoting"), [(",", True), ("\t", True), (";", True), ("\t", False)])
def test_delimiter_quoting_line_ends_and_mark_make_no_difference(
    table: Table, mark: bytes, line_end: str, delimiter: str, quoting: bool
) -> None:
    cell = '"Ice, ""broken"" here"' if quoting else 'Ice, "broken" here'
    lines = [["text", "label"], ["He broke it", "no"], [cell, "yes"]]
    text = "".join(delimiter.join(cells) + line_end for cells in lines)
    folder = table({"a.csv": mark + text.encode()}, delimiter=delimiter, quoting=quoting)
    assert [(e.text, e.label) for e in examples(folder)] == [("He broke it", "no"), ('Ice, "broken" here', "yes")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1255", "utf-16", "utf-16-le"])
def test_a_file_may_be_in_any_encoding(table: Table, encoding: str) -> None:
    folder = table({"a.csv": "text,label\nשבר שתיקה,no\n".encode(encoding)}, encoding=encoding)
    assert examples(folder)[0].text == "שבר שתיקה"


@pytest.mark.parametrize(("encoding", "fragment"), [("utf-8", "line 2 is not UTF-8"), ("utf-16", "is not utf-16")])
def test_a_file_in_another_encoding_is_refused(table: Table, encoding: str, fragment: str) -> None:
    message = refusal_of(table({"a.csv": "text,label\nשבר שתיקה!,no\n".encode("cp1255")}, encoding=encoding))
    assert message.startswith("a.csv")
    assert fragment in message


def test_every_column_has_a_name_of_its_own(table: Table) -> None:
    text = "nr;first;second;says;about;part\n7;a b;c d;1;sea;dev\n"
    folder = table(
        {"a.csv": text}, delimiter=";", rename={"1": "yes"}, splits={"dev": "validation"},
        columns={"id": "nr", "text": "first", "text_pair": "second", "label": "says", "group": "about",
                 "split": "part"},
    )  # fmt: skip
    assert examples(folder) == [
        Example(id="7", text="a b", text_pair="c d", label="yes", group="sea", split="validation")
    ]


def test_without_a_split_column_the_file_says_the_split(table: Table) -> None:
    folder = table({"a.csv": ENGLISH, "b.csv": "text,label\nmore,no\n", "c.csv": "text,label\nother,no\n"},
                   splits={"a.csv": "train", "b.csv": "test"})  # fmt: skip
    assert [e.split for e in examples(folder)] == ["train", "train", "test", ""]


def test_empty_cells_of_label_and_group_are_none(table: Table) -> None:
    folder = table({"a.csv": "text,label,group\na,,\n"}, columns={"text": "text", "label": "label", "group": "group"})
    assert (examples(folder)[0].label, examples(folder)[0].group) == (None, None)


@pytest.mark.parametrize(
    ("words", "tags"),
    [("['He', 'broke', 'it']", "['O', 'B-X', 'I-X']"), ('["He", "broke", "it"]', '["O", "B-X", "I-X"]'),
     ("He broke it", "O B-X I-X")],
    ids=["Python", "JSON", "blanks"],
)  # fmt: skip
def test_words_and_tags_are_lists_in_any_spelling(table: Table, words: str, tags: str) -> None:
    folder = table({"a.csv": f"text;words;tags\nHe broke it;{words};{tags}\n"}, delimiter=";", quoting=False,
                   columns={"text": "text", "tokens": "words", "tags": "tags"})  # fmt: skip
    assert (examples(folder)[0].tokens, examples(folder)[0].tags) == (["He", "broke", "it"], ["O", "B-X", "I-X"])


def test_a_row_may_lack_tags(table: Table) -> None:
    text = jsonl({"text": "a", "tokens": ["a"], "tags": None})
    folder = table({"a.jsonl": text}, reader="jsonl", columns={"text": "text", "tokens": "tokens", "tags": "tags"})
    assert (examples(folder)[0].tokens, examples(folder)[0].tags) == (None, None)


SPAN = {"text": "text", "span": "part"}
OFFSETS = {"text": "text", "start": "from", "end": "to"}


@pytest.mark.parametrize(
    ("columns", "row", "tags"),
    [
        (SPAN, {"text": "He broke it.", "part": "broke it"}, ["O", "B-SPAN", "I-SPAN", "O"]),
        (SPAN, {"text": "He broke it.", "part": ""}, ["O", "O", "O", "O"]),
        (SPAN | {"span_label": "kind"}, {"text": "He broke it", "part": "it", "kind": "PRON"}, ["O", "O", "B-PRON"]),
        (OFFSETS, {"text": "He broke it.", "from": 3, "to": 11}, ["O", "B-SPAN", "I-SPAN", "O"]),
        (OFFSETS, {"text": "He broke it.", "from": "3", "to": "4"}, ["O", "B-SPAN", "O", "O"]),
        (OFFSETS, {"text": "He broke it.", "from": None, "to": None}, ["O", "O", "O", "O"]),
        (OFFSETS | SPAN, {"text": "it broke it", "from": 9, "to": 11, "part": "it"}, ["O", "O", "B-SPAN"]),
        (OFFSETS, {"text": unicodedata.normalize("NFD", "é é it"), "from": 6, "to": 8}, ["O", "O", "B-SPAN"]),
    ],
    ids=str,
)
def test_a_span_is_a_part_of_the_text_or_its_offsets(
    table: Table, columns: dict[str, str], row: dict[str, Any], tags: list[str]
) -> None:
    (found,) = examples(table({"a.jsonl": jsonl(row)}, reader="jsonl", columns=columns, labels=[]))
    assert found.tags == tags
    assert found.text == unicodedata.normalize("NFC", row["text"])


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[3, 8]], [[3, 8]]),
        ([], []),
        (None, None),
        ("", []),
        ("it", [[0, 2], [9, 11]]),
        (["broke", "it"], [[3, 8], [0, 2], [9, 11]]),
        ({"text": ["broke", "broke"], "answer_start": [3, 3]}, [[3, 8]]),
        ({"text": [], "answer_start": []}, []),
    ],
    ids=str,
)
def test_answers_are_offsets_texts_or_what_squad_has(
    table: Table, answers: Any, expected: list[list[int]] | None
) -> None:
    columns = {"text": "question", "text_pair": "text", "answers": "answers"}
    row = {"question": "it", "text": "it broke it", "answers": answers}
    (found,) = examples(table({"a.jsonl": jsonl(row)}, reader="jsonl", columns=columns, labels=[]))
    assert found.answers == expected


def test_answers_of_a_csv_are_spelt_as_json(table: Table) -> None:
    folder = table({"a.tsv": "text\tanswers\nit broke it\t[[3, 8]]\nno\t\n"}, delimiter="\t", quoting=False,
                   columns={"text": "text", "answers": "answers"}, labels=[])  # fmt: skip
    assert [e.answers for e in examples(folder)] == [[[3, 8]], []]


def test_json_lines_may_hold_numbers_truths_and_empty_lines(table: Table) -> None:
    text = jsonl({"text": "a", "label": 1, "id": 7}) + "\n" + jsonl({"text": "b", "label": False, "id": 8})
    folder = table({"a.jsonl": text}, reader="jsonl", labels=["no", "yes"], rename={"1": "yes", "false": "no"},
                   columns={"id": "id", "text": "text", "label": "label"})  # fmt: skip
    assert [(e.id, e.label) for e in examples(folder)] == [("7", "yes"), ("8", "no")]
    assert [row.number for row in rows_of(folder)] == [1, 3]


SPANNED = {"columns": SPAN, "labels": []}
AT = {"columns": OFFSETS, "labels": []}
ANSWERED = {"columns": {"text": "text", "answers": "answers"}, "labels": []}

PAIRED = {"columns": {"text": "text", "text_pair": "pair", "answers": "answers"}, "labels": []}


@pytest.mark.parametrize(
    ("row", "meta", "start", "fragments"),
    [
        ({"text": "a", "label": "-1"}, {}, "row 1, column 'label': unknown label", ["no, yes", "'-1'"]),
        ({"text": "a", "label": -1}, {}, "row 1, column 'label': unknown label", ["'-1'"]),
        ({"text": "a", "label": "maybe"}, {}, "row 1, column 'label': unknown label", ["'maybe'"]),
        ({"text": "a", "label": "x"}, {"labels": []}, "row 1, column 'label': unknown label", ["legal: none"]),
        ({"text": " ", "label": "no"}, {}, "row 1, column 'text': the text is empty", ["' '"]),
        ({"text": None, "label": "no"}, {}, "row 1, column 'text': a text is expected", ["None"]),
        ({"text": 5, "label": "no"}, {}, "row 1, column 'text': a text is expected", ["5"]),
        ({"label": "no"}, {}, "row 1: no key 'text'; the keys are label", []),
        ({"text": "a b", "part": "c"}, SPANNED, "row 1, column 'part': the span is not in the text", ["'c'"]),
        ({"text": "a b a", "part": "a"}, SPANNED, "row 1, column 'part': the span occurs 2 times in the text", []),
        ({"text": "a b", "from": 1, "to": 2}, AT, "row 1, column 'from': [1, 2] touches no word", []),
        ({"text": "a b", "from": 2, "to": 9}, AT, "row 1, column 'from': [2, 9] is not a span", ["3 characters"]),
        ({"text": "a b", "from": 2, "to": ""}, AT, "row 1, column 'from': a span needs both start and end", []),
        ({"text": "a b", "from": "x", "to": 3}, AT, "row 1, column 'from': a whole number is expected", ["'x'"]),
        ({"text": "a b", "from": 2, "to": 3, "part": "a"}, {"columns": OFFSETS | SPAN, "labels": []},
         "row 1, column 'part': the text from 2 to 3 is 'b'", ["'a'"]),
        ({"text": "abc", "answers": ["x"]}, ANSWERED, "row 1, column 'answers': the answer 'x' is not in the text", []),
        ({"text": "abc", "answers": [[2, 4]]}, ANSWERED, "row 1, column 'answers': [2, 4] is not a span", []),
        ({"text": "abc", "answers": {"text": ["b"], "answer_start": [0]}}, ANSWERED,
         "row 1, column 'answers': the text at 0 is not the answer 'b'", []),
        ({"text": "abc", "answers": [5]}, ANSWERED, "row 1, column 'answers': [start, end] pairs, texts, or ", []),
        ({"text": "abc", "answers": {"text": ["b"]}}, ANSWERED, "row 1, column 'answers': [start, end] pairs", []),
        ({"text": "abc", "answers": {"text": ["b"], "answer_start": []}}, ANSWERED, "row 1, column 'answers': ", []),
        *(({"text": "abc", "pair": None, "answers": found}, PAIRED,
           "row 1, column 'pair': the text that contains the answers is expected", ["None"])
          for found in ([[0, 1]], ["a"], "a", {"text": ["a"], "answer_start": [0]})),
        ({"text": "abc", "pair": None, "answers": []}, PAIRED, None, []),
        ({"text": "a b", "w": ["a"], "t": "O"}, {"columns": {"text": "text", "tokens": "w", "tags": "t"}, "labels": []},
         None, []),
        ({"text": "a b", "w": [1], "t": ["O"]}, {"columns": {"text": "text", "tokens": "w", "tags": "t"}, "labels": []},
         "row 1, column 'w': a list of strings", []),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_row_that_is_wrong_is_refused_by_file_row_and_column(
    table: Table, row: dict[str, Any], meta: dict[str, Any], start: str | None, fragments: list[str]
) -> None:
    folder = table({"a.jsonl": jsonl(row)}, reader="jsonl", **meta)
    if start is None:
        assert len(rows_of(folder)) == 1
        return
    message = refusal_of(folder)
    assert message.startswith(f"a.jsonl, {start}")
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize(
    ("text", "meta", "message"),
    [
        ("text,label\na,no,x\n", {}, "a.csv, row 2: 3 cells for 2 columns"),
        ("text\na\n", {}, "a.csv, row 1: no column 'label'; the columns are text"),
        ("text;label\na;no\n", {}, "a.csv, row 1: no column 'text'; the columns are text;label"),
        ("text,label,text\na,no,b\n", {}, "a.csv, row 1: 2 columns have the name 'text'; rename them"),
        ('text,label\n"a"b,no\n', {}, "a.csv, line 2: not CSV: "),
        ("text,label\na,no\nb,no\n", {"columns": {"id": "label", "text": "text"}},
         "a.csv, row 3, column 'label': a.csv, row 2, has the same id"),
        ("{]\n", {"reader": "jsonl"}, "a.csv, row 1: not JSON: "),
        ("[1]\n", {"reader": "jsonl"}, "a.csv, row 1: a JSON object is expected, not '[1]'"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused(table: Table, text: str, meta: dict[str, Any], message: str) -> None:
    assert refusal_of(table({"a.csv": text}, **meta)).startswith(message)


@pytest.mark.parametrize(
    ("meta", "fragments"),
    [
        ({"columns": {"label": "label"}}, ["columns.text is missing", "reader csv"]),
        ({"columns": {"text": "text", "lable": "x"}}, ["'columns.lable'", "did you mean 'columns.label'?"]),
        ({"columns": {"text": "text", "tokens": "x"}}, ["columns.tokens and columns.tags must both be given"]),
        ({"columns": {"text": "text", "end": "x"}}, ["columns.start and columns.end must both be given"]),
        ({"columns": {"text": "t", "tokens": "x", "tags": "y", "span": "z"}}, ["columns.tags contradicts"]),
        ({"reader": "squad"}, ["columns: reader squad does not read this key", "and no other key"]),
        ({"reader": "hub"}, ["hub is missing: reader hub"]),
        ({"hub": "owner/name"}, ["hub: reader csv does not read this key", "and columns, delimiter, quoting"]),
        ({"labels": ["a", "a"]}, ["labels: ", "at least 2 different labels"]),
        ({"labels": ["0", "-1"]}, ["labels: -1 marks rows without a label"]),
        ({"labels": ["no", "macro"]}, ["labels: rename 'macro': its score would be called f1_macro"]),
        ({"labels": ["weighted", "no"]}, ["rename 'weighted': its score would be called f1_weighted"]),
        ({"reader": "criteria", "columns": ...}, ["inseparable: reader criteria needs text_pair"]),
        ({"reader": "criteria", "columns": ..., "inseparable": "group"}, ["inseparable: reader criteria needs text_"]),
        ({"rename": {"-1": "no"}}, ["rename: -1 marks rows without a label"]),
        ({"rename": {"1": "yess"}}, ["rename: unknown label 'yess', did you mean 'yes'?"]),
        ({"delimiter": "||"}, ["delimiter: ", "'||'"]),
        ({"encoding": "utf8000"}, ["encoding: unknown encoding 'utf8000'"]),
        ({"quoting": "off"}, ["quoting: ", "'off'"]),
        ({"expected": {"clss": {"f1_macro": [0.1, 0.2]}}}, ["'clss'", "did you mean 'cls'?"]),
        ({"expected": {"cls": {"f1_macro": [0.1]}}}, ["expected.cls.f1_macro: "]),
        ({"inseparable": "post"}, ["inseparable: ", "'group' or 'text_pair'"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_corpus_yaml_that_contradicts_itself_names_the_keys(
    table: Table, meta: dict[str, Any], fragments: list[str]
) -> None:
    message = refusal_of(table({"a.csv": ENGLISH}, **meta))
    assert message.startswith("corpus.yaml: ")
    for fragment in fragments:
        assert fragment in message


def test_another_column_can_be_the_group_where_columns_can_be_chosen(table: Table) -> None:
    folder = table({"a.csv": "text,label,outlet\na,no,X\n"})
    found = corpus_file.with_group(corpus_file.load(folder), "outlet")
    assert [row.example.group for row in corpora.read(folder, found)] == ["X"]
    with pytest.raises(UserError, match=r"no column 'outlets'; the columns are text, label, outlet"):
        list(corpora.read(folder, corpus_file.with_group(corpus_file.load(folder), "outlets")))
    with pytest.raises(UserError, match=r"prepare.group_column: x: reader idioms has a fixed group"):
        corpus_file.with_group(corpus_file.load(SAMPLE), "x")

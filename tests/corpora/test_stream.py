"""One file outside any corpus, row by row: what a tool that predicts reads.

pytest tests/corpora/test_stream.py
"""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from src import corpora
from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora import corpus_file, rows
from src.corpora.corpus_file import Corpus
from src.corpora.rows import Row
from tests.conftest import ROOT

FULL = {"text": "text", "text_pair": "pair", "label": "label", "group": "group", "split": "split", "answers": "answers"}


def meta(**changes: Any) -> Corpus:
    """A corpus.yaml that lies nowhere."""
    usual = {"description": "", "language": "en", "licence": "", "reader": "csv", "files": ["a.csv"], "fetch": "",
             "labels": ["no", "yes"], "columns": {"text": "text", "label": "label"}}  # fmt: skip
    return Corpus(**{key: value for key, value in {**usual, **changes}.items() if value is not ...})


def written(tmp_path: Path, text: str, name: str = "new.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("reader", ["csv", "jsonl"])
def test_all_but_the_texts_may_be_absent(tmp_path: Path, reader: str) -> None:
    text = "text,pair\na,b\n" if reader == "csv" else json.dumps({"text": "a", "pair": "b"})
    (row,) = corpora.stream(written(tmp_path, text), meta(reader=reader, columns=FULL))
    assert isinstance(row, Row)
    number = 2 if reader == "csv" else 1
    assert row.example == Example(id=f"new.csv-{number}", text="a", text_pair="b", split="")


def test_a_text_may_not_be_absent(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column 'pair'"):
        next(corpora.stream(written(tmp_path, "text\na\n"), meta(columns=FULL)))


def test_what_is_there_is_read_and_a_dropped_label_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, "text,label\na,1\nb,unsure\n")
    found = [row.example for row in corpora.stream(path, meta(rename={"1": "yes"}, drop=["unsure"]))  # type: ignore[union-attr]
             ]  # fmt: skip
    assert [(example.id, example.label) for example in found] == [("new.csv-2", "yes"), ("new.csv-3", None)]


def test_a_row_that_is_refused_is_yielded_and_the_next_are_read(tmp_path: Path) -> None:
    found = list(corpora.stream(written(tmp_path, "text,label\na,no\nb\nc,no,x\nd,yes\n"), meta()))
    assert [type(row) for row in found] == [Row, UserError, UserError, Row]
    assert str(found[1]).endswith("new.csv, row 3: 1 cells for 2 columns")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b'"b"c,no', "new.csv, line 3: not CSV: ',' expected after '\"'"),
        (b"\xf9,no", "new.csv, line 3 is not UTF-8: byte 0xf9; save the file as UTF-8"),
        (b'"b\n\xf9",no', "new.csv, line 4 is not UTF-8: byte 0xf9; save the file as UTF-8"),
        (b"b" * 200_000 + b",no", "new.csv, line 3: not CSV: field larger than field limit (131072)"),
        (b'"b,no\n"c,no', "new.csv, line 3: not CSV: ',' expected after '\"' (lines 3 to 4 were read as one row)"),
    ],
    ids=["stray quote", "byte", "byte in a later line", "long cell", "open quote"],
)
def test_a_malformed_row_of_a_csv_does_not_stop_the_next(tmp_path: Path, bad: bytes, message: str) -> None:
    (tmp_path / "new.csv").write_bytes(b"text,label\na,no\n" + bad + b"\nd,yes\n")
    first, refused, last = corpora.stream(tmp_path / "new.csv", meta())
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert (last.example.text, last.number) == ("d", 4)
    assert str(refused) == f"{tmp_path}/{message}"


def test_a_quote_that_is_open_at_the_end_is_refused_there(tmp_path: Path) -> None:
    found = list(corpora.stream(written(tmp_path, 'text,label\na,no\n"b,no\n'), meta()))
    assert [type(row) for row in found] == [Row, UserError]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b'{"text": "\xf9"}', "new.jsonl, line 2 is not UTF-8: byte 0xf9; save the file as UTF-8"),
        (b"[" * 100_000, "new.jsonl, row 2: not JSON: "),
        (b'{"text": "\\ud83d"}', "new.jsonl, row 2: half of a surrogate pair"),
        (b'{"text": "a", "answers": "' + b"[" * 100_000 + b'"}', "new.jsonl, row 2, column 'answers': the answer"),
    ],
    ids=["byte", "depth", "half a character", "depth of a cell"],
)
def test_a_malformed_row_of_json_lines_does_not_stop_the_next(tmp_path: Path, bad: bytes, message: str) -> None:
    (tmp_path / "new.jsonl").write_bytes(b'{"text": "\\ud83d\\ude00"}\n' + bad + b'\n{"text": "d"}\n')
    corpus = meta(reader="jsonl", columns={"text": "text", "answers": "answers"})
    first, refused, last = corpora.stream(tmp_path / "new.jsonl", corpus)
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert (first.example.text, last.example.text, last.number) == ("\U0001f600", "d", 3)
    assert str(refused).startswith(f"{tmp_path}/{message}")


def test_what_is_wrong_with_the_whole_file_is_raised(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        list(corpora.stream(tmp_path / "none.csv", meta()))
    with pytest.raises(UserError, match="line 1: not CSV"):
        list(corpora.stream(written(tmp_path, 'text,"label"s\na,no\n'), meta()))
    with pytest.raises(UserError, match="reader hub does not read files"):
        list(corpora.stream(written(tmp_path, ""), meta(reader="hub", hub="x/y")))


def test_an_endless_file_is_read_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(path: Path, encoding: str = "utf-8") -> Iterator[str]:
        return itertools.chain(["text,label\n"], itertools.repeat("a,no\n"))

    monkeypatch.setattr("src.corpora.readers.delimited.lines", endless)
    assert rows.lines is not endless
    assert len(list(itertools.islice(corpora.stream(written(tmp_path, ""), meta()), 1000))) == 1000


def test_the_sentences_of_an_idiom_corpus_need_no_other_column(tmp_path: Path) -> None:
    shipped = corpus_file.load(ROOT / "data" / "raw" / "sample")
    (row,) = corpora.stream(written(tmp_path, "sentence\nשבר את הקרח\n"), shipped)
    assert isinstance(row, Row)
    assert row.example == Example(id="new.csv-2", text="שבר את הקרח", split="")
    whole = list(corpora.stream(ROOT / "data" / "raw" / "sample" / "sentences.csv", shipped))
    assert len(whole) == 640
    assert all(isinstance(row, Row) and row.example.tags for row in whole)


@pytest.mark.parametrize("targets", [True, False])
def test_questions_need_no_answers(tmp_path: Path, targets: bool) -> None:
    question: dict[str, Any] = {"id": "q", "question": "Who?"} | ({"answers": []} if targets else {})
    data = {"data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [question]}]}]}
    path = written(tmp_path, json.dumps(data), "new.json")
    (row,) = corpora.stream(path, meta(reader="squad", columns=..., labels=[]))
    assert isinstance(row, Row)
    assert row.example.answers == ([] if targets else None)


def test_posts_need_no_status(tmp_path: Path) -> None:
    written(tmp_path, "post_id,text\np,I sleep\n", "posts.csv")
    written(tmp_path, '{"sleep": "Sleeps."}', "criteria.json")
    path = written(tmp_path, "post_id,criterion\np,sleep\n")
    (row,) = corpora.stream(path, meta(reader="criteria", columns=..., labels=["0", "1"], inseparable="text_pair"))
    assert isinstance(row, Row)
    assert row.example == Example(id="p/sleep", text="Sleeps.", text_pair="I sleep", group="sleep", split="")


def test_every_reader_takes_the_same_arguments() -> None:
    reads: Callable[..., Any]
    for reads in corpora.READERS.values():
        assert list(reads.__annotations__) == ["path", "corpus", "targets", "return"]

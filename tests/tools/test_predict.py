"""Prediction of texts, lines and files with a saved model, as a person would ask for it.

pytest tests/tools/test_predict.py
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from src.core import config
from src.core.records import SPLITS, Example
from src.models import checkpoint, encoders
from src.tasks import label_sets, parse
from src.tasks.prediction_file import read_predictions
from src.tools.predict import _predictions
from tests.conftest import ROOT
from tests.tools.conftest import Tool

LABELS = ["Literal", "Figurative"]
TEXTS = ["הוא שבר את הקרח בבדיחה אחת.", "הגל שבר את הקרח.", 'אמרו בצה"ל: "יצא לאור".']


@pytest.fixture(scope="module")
def models(splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An untrained tiny model per task string."""
    folder = tmp_path_factory.mktemp("models")
    params = config.load(ROOT / "params.yaml").train
    found = {}
    for task in ("cls", "cls+span", "evidence"):
        torch.manual_seed(0)
        labels = label_sets(parse(task), splits["train"], LABELS)
        checkpoint.create(
            encoders.find("tiny", trust_remote_code=False, revision=None), labels, splits["train"], params
        ).save(folder / task)
        found[task] = folder / task
    return found


def table(path: Path, rows: list[list[str]], delimiter: str = ",") -> Path:
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_texts_are_answered_in_their_order_as_the_model_sees_them(models: dict[str, Path], tool: Tool) -> None:
    ended = tool("predict", "--model", models["cls"], "--json", *TEXTS)
    assert ended.status == 0
    assert ended.err == ""
    found = rows_of(ended.out)
    loaded = checkpoint.load(models["cls"])
    for row, text in zip(found, TEXTS, strict=True):
        (expected,) = loaded.predict([Example(id="x", text=text, split="x")], 1)
        assert row["predicted"] == expected.predicted
        assert row["probabilities"] == pytest.approx(expected.probabilities)
        assert (row["gold"], row["correct"]) == (None, None)


def test_a_terminal_shows_the_text_its_labels_with_probabilities_and_its_spans(
    models: dict[str, Path], tool: Tool
) -> None:
    ended = tool("predict", "--model", models["cls+span"], TEXTS[0])
    text, labels, spans = ended.out.splitlines()
    assert text == TEXTS[0]
    assert labels.strip().startswith("cls: ")
    assert {part.split()[0] for part in labels.strip().removeprefix("cls: ").split(", ")} == set(LABELS)
    assert spans.strip().startswith("span: ")


def test_lines_of_standard_input_are_answered_one_by_one_and_a_tab_parts_a_pair(
    models: dict[str, Path], tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TEXTS[0]}\n\nמה נשבר?\tהוא שבר את הקרח.\n"))
    ended = tool("predict", "--model", models["evidence"], "--json")
    assert [row["id"] for row in rows_of(ended.out)] == ["1", "3"]
    pair = rows_of(ended.out)[1]
    start, end = pair["predicted"] or (0, 0)
    assert pair["text"] == "הוא שבר את הקרח."[start:end]


@pytest.mark.parametrize(
    ("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t"), ("a.jsonl", "")], ids=["csv", "tsv", "jsonl"]
)
def test_a_file_of_any_form_is_predicted_and_scored_where_it_has_gold(
    models: dict[str, Path], tool: Tool, tmp_path: Path, name: str, delimiter: str
) -> None:
    rows = [["words here", "Literal"], ["and there", "Figurative"], ["once more", "Literal"]]
    if delimiter:
        file = table(tmp_path / name, [["sentence", "gold"], *rows], delimiter)
    else:
        file = tmp_path / name
        file.write_text("".join(json.dumps({"sentence": text, "gold": label}) + "\n" for text, label in rows))
    out = tmp_path / "predictions.jsonl"
    ended = tool("predict", "--model", models["cls"], "--file", file, "--text-column", "sentence",
                 "--label-column", "gold", "--out", out)  # fmt: skip
    assert ended.status == 0, ended.err
    found = read_predictions(out)
    assert [row.gold for row in found] == [label for _, label in rows]
    assert {row.split for row in found} == {"input"}
    assert f"predicted 3 rows, left out 0: {out}" in ended.err
    right = sum(bool(row.correct) for row in found)
    scored = tool("score", out, "--json")
    result = json.loads(scored.out)[str(out)]["cls"]["splits"]["input"]
    assert sum(n for name, n in result["errors"]["counts"].items() if name == "CORRECT") == right
    assert f"cls f1_macro {result['scores']['f1_macro']:.4f} over 3 rows with gold" in ended.err


def test_a_corpus_is_read_as_its_corpus_yaml_says(
    models: dict[str, Path], tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    out = tmp_path / "out.jsonl"
    ended = tool("predict", "--model", models["cls+span"], "--file", "data/raw/sample/sentences.csv",
                 "--corpus", "sample", "--out", out)  # fmt: skip
    assert ended.status == 0, ended.err
    found = read_predictions(out)
    assert len(found) == 2 * 640
    assert {row.split for row in found} == set(SPLITS)
    assert all(row.gold is not None and row.group for row in found)


BAD = [["text", "label"], ["fine", "Literal"], ["", "Literal"], ["so", "Wrong"], ["short"], ["good", "Figurative"]]


def test_rows_that_are_refused_are_named_and_left_out(models: dict[str, Path], tool: Tool, tmp_path: Path) -> None:
    file, out = table(tmp_path / "a.csv", BAD), tmp_path / "out.jsonl"
    ended = tool("predict", "--model", models["cls"], "--file", file, "--label-column", "label", "--out", out)
    assert ended.status == 0
    assert [row.id for row in read_predictions(out)] == ["a.csv-2", "a.csv-6"]
    for message in (
        "row 3, column 'text': the text is empty",
        "row 4, column 'label': unknown label; legal: Literal, Figurative; the value is 'Wrong'",
        "row 5: 1 cells for 2 columns",
        "predicted 2 rows, left out 3",
    ):
        assert message in ended.err


def test_strict_stops_at_the_first_and_writes_nothing(models: dict[str, Path], tool: Tool, tmp_path: Path) -> None:
    file, out = table(tmp_path / "a.csv", BAD), tmp_path / "out.jsonl"
    out.write_text("before")
    ended = tool("predict", "--model", models["cls"], "--file", file, "--out", out, "--strict")
    assert ended.status == 2
    assert ended.err.endswith("row 3, column 'text': the text is empty; the value is ''\n")
    assert out.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "out.jsonl"}


def test_parts_of_a_file_are_predicted_as_the_whole(
    models: dict[str, Path], tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [["text"], *([f"sentence number {i} {'word ' * (i % 7)}"] for i in range(20))]
    file = table(tmp_path / "a.csv", rows)
    found = []
    for part in (1000, 3):
        monkeypatch.setattr("src.tools.predict.PART", part)
        tool("predict", "--model", models["cls"], "--file", file, "--out", tmp_path / "out.jsonl")
        found.append([(row.id, row.predicted) for row in read_predictions(tmp_path / "out.jsonl")])
    assert found[0] == found[1]
    assert len(found[0]) == 20


def test_a_question_without_room_for_its_text_is_left_out_alone(
    models: dict[str, Path], tool: Tool, tmp_path: Path
) -> None:
    rows = [["text", "context"], ["why", "because"], ["why " * 300, "because"], ["who", "nobody"]]
    out = tmp_path / "out.jsonl"
    ended = tool("predict", "--model", models["evidence"], "--file", table(tmp_path / "a.csv", rows),
                 "--text-pair-column", "context", "--out", out)  # fmt: skip
    assert ended.status == 0, ended.err
    assert [row.id for row in read_predictions(out)] == ["a.csv-2", "a.csv-4"]
    assert "is too short for windows of example 'a.csv-3'" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--file", "none.csv"], "none.csv does not exist"),
        (["--file", "a.csv", "--text-column", "nope"], "no column 'nope'; the columns are text, label"),
        (["--file", "a.csv", "--corpus", "sampel"], "unknown corpus 'sampel', did you mean 'sample'?"),
        (["--file", "a.csv", "--corpus", "sample", "--text-column", "t"], "--corpus already names the columns"),
        (["--file", "a.csv", "--corpus", "babe"], "corpus 'babe' has the labels"),
        (["--file", "a.csv", "words"], "texts and --file cannot be combined"),
        (["--out", "o.jsonl", "words"], "--out needs --file"),
        (["--model", "data", "words"], "data contains no model"),
        (["--file", "a.csv", "--label-column", "lable"], "no column 'lable'; the columns are text, label"),
        (["--file", "a.csv", "--out", "a.csv"], "--out a.csv is the same file as --file"),
        (["--file", "a.csv", "--out", "data"], "data is not a regular file and cannot be replaced"),
        (["--file", "a.csv", "--delimiter", "ab"], "a.csv: delimiter: "),
        (["--file", "a.jsonl", "--delimiter", ";"], "a.jsonl: delimiter: reader jsonl does not read this key"),
        (["--file", "a.jsonl", "--no-quotes"], "a.jsonl: quoting: reader jsonl does not read this key"),
        (["--file", "a.csv", "--encoding", "utf-9"], "unknown encoding 'utf-9'"),
        (["--file", "data"], "--file data is a folder; give a file"),
        (["--batch-size", "0", "words"], "--batch-size is 0; it must be 1 or more"),
        (["words", " "], "one of the texts is empty"),
        (["words", "\tsecond"], "one of the texts is empty"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    models: dict[str, Path],
    tool: Tool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    table(tmp_path / "a.csv", BAD)
    ended = tool("predict", "--model", models["cls"], *arguments)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert message in ended.err
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "data"}


def test_an_id_that_comes_twice_is_left_out_so_that_the_file_can_be_scored(
    models: dict[str, Path], tool: Tool, tmp_path: Path
) -> None:
    file = table(tmp_path / "a.csv", [["id", "text"], ["1", "one"], ["1", "two"], ["2", "three"]])
    out = tmp_path / "out.jsonl"
    ended = tool("predict", "--model", models["cls"], "--file", file, "--id-column", "id", "--out", out)
    assert ended.status == 0
    assert [row.id for row in read_predictions(out)] == ["1", "2"]
    assert "id '1' occurs in an earlier row" in ended.err


def test_without_a_terminal_there_is_no_bar_and_the_summary_stays(
    models: dict[str, Path], tool: Tool, tmp_path: Path
) -> None:
    file = table(tmp_path / "a.csv", [["text"], ["one"], ["two"]])
    out = tmp_path / "out.jsonl"
    ended = tool("predict", "--model", models["cls"], "--file", file, "--out", out)
    assert ended.err == f"predicted 2 rows, left out 0: {out}\n"


def test_a_line_that_is_not_utf8_is_left_out_and_named(
    models: dict[str, Path], tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = "שלום\n".encode() + b"\xff\xfe\n" + b"fine\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="ascii"))
    ended = tool("predict", "--model", models["cls"], "--json")
    assert [row["id"] for row in rows_of(ended.out)] == ["1", "3"]
    assert "left out: line 2 is not UTF-8" in ended.err


def test_lines_without_words_are_no_texts(models: dict[str, Path], tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n  \n\tsecond\n"))
    ended = tool("predict", "--model", models["cls"])
    assert ended.status == 2
    assert "left out: line 3 has no text before its tab" in ended.err
    assert "error: there is nothing to predict: 1 rows were left out" in ended.err


def test_texts_are_in_one_unicode_form(models: dict[str, Path], tool: Tool) -> None:
    decomposed, composed = "cafe\u0301", "caf\u00e9"
    ended = tool("predict", "--model", models["cls"], decomposed)
    assert ended.out.splitlines()[0] == composed


def test_rows_are_read_in_parts_and_not_all_at_once(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = 0

    def endless() -> Iterator[Example]:
        nonlocal drawn
        while True:
            drawn += 1
            yield Example(id=str(drawn), text="word", tokens=["word"], split="x")

    found = _predictions(checkpoint.load(models["cls"]), endless(), 5, 8)
    for _ in range(7):
        next(found)
    assert drawn == 10

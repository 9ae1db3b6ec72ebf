"""errors: what it shows of the mistakes in a file, as text and as JSON.

pytest tests/tools/test_errors.py
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from src.core.records import SPLITS, Example, write_examples
from src.tasks.prediction_file import write_predictions
from tests.rows import label, sure, tags, words, write
from tests.tools.conftest import Tool

TOKENS = ["הוא", "שבר", "שתיקה"]
ROWS = [
    sure("1", "Literal", 0.9, group="g"), sure("2", "Literal", 0.75, group="שבר שתיקה"), sure("3", "Figurative", 0.9),
    sure("4", "Figurative", 0.0, "unseen", "h"),
    replace(words("1", "OBI", "OBO", [1.0, 0.9, 0.5], group="g"), tokens=TOKENS),
    replace(words("2", "OBO", "OBO", [1.0, 1.0, 1.0], group="g"), tokens=TOKENS),
    replace(words("3", "OBI", "OOO", [1.0, 0.9, 0.9]), tokens=TOKENS),
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(
        tmp_path / "a.jsonl", ROWS, ("id", "split", "group", "task", "gold", "predicted", "probabilities", "tokens")
    )


def test_categories_by_group_and_length_and_the_surest_mistakes(tool: Tool, file: Path) -> None:
    ended = tool("errors", file)
    assert (ended.status, ended.err) == (0, "")
    parts = [[" ".join(line.split()) for line in part.splitlines()] for part in ended.out.split("\n\n")]
    assert parts == [
        [
            "cls: categories", "category test unseen", "-------------- --------- ----------",
            "CORRECT 1 (33.3%) 0 (0.0%)", "FALSE_POSITIVE 2 (66.7%) -", "FALSE_NEGATIVE - 1 (100.0%)",
        ],
        [
            "cls, test: categories by group", "group FALSE_POSITIVE", "--------- --------------", "g 1",
            "שבר שתיקה 1",
        ],
        [
            "cls, test: most confident mistakes",
            "1 (FALSE_POSITIVE, confidence 0.900): gold Literal, predicted Figurative", "",
            "2 (FALSE_POSITIVE, confidence 0.750): gold Literal, predicted Figurative", "",
        ],
        ["cls, unseen: categories by group", "group FALSE_NEGATIVE", "----- --------------", "h 1"],
        [
            "cls, unseen: most confident mistakes",
            "4 (FALSE_NEGATIVE, confidence 1.000): gold Figurative, predicted Literal", "",
        ],
        parts[5],
        ["span, test: categories by group", "group PERFECT PARTIAL_END", "----- ------- -----------", "g 1 1"],
        [
            "span, test: categories by span_length", "span_length PERFECT PARTIAL_END MISS",
            "----------- ------- ----------- ----", "1 1 0 0", "2 0 1 1",
        ],
        [
            "span, test: most confident mistakes",
            "3 (MISS, confidence 0.933): gold שבר שתיקה, predicted -", "הוא שבר שתיקה",
            "1 (PARTIAL_END, confidence 0.800): gold שבר שתיקה, predicted שבר", "הוא שבר שתיקה",
        ],
    ]  # fmt: skip
    assert {"span: categories", "PERFECT 1 (33.3%)", "MISS 1 (33.3%)", "= DETECTION 1 (33.3%)"} <= set(parts[5])


def test_json_holds_the_same(tool: Tool, file: Path) -> None:
    found = json.loads(tool("errors", file, "--json").out)
    assert list(found) == ["cls", "span"]
    assert found["cls"]["test"]["categories"] == {"CORRECT": 1, "FALSE_POSITIVE": 2}
    assert found["cls"]["test"]["by_span_length"] == {}
    assert found["span"]["test"]["by_span_length"]["2"]["MISS"] == 1
    assert found["span"]["test"]["most_confident"][1] == {
        "id": "1", "group": "g", "category": "PARTIAL_END", "gold": "שבר שתיקה", "predicted": "שבר",
        "confidence": pytest.approx(0.8), "text": "הוא שבר שתיקה",
    }  # fmt: skip


def test_sentences_come_from_the_folder_that_prepare_wrote(tool: Tool, file: Path, tmp_path: Path) -> None:
    pairs = {"test": [Example(id="1", text="ראשון", text_pair="שני", split="test")],
             "unseen": [Example(id="4", text="רביעי", split="unseen")]}  # fmt: skip
    for split in SPLITS:
        write_examples(tmp_path / f"data/{split}.jsonl", pairs.get(split, []))
    found = json.loads(tool("errors", file, "--data", tmp_path / "data", "--json").out)
    texts = {(split, row["id"]): row["text"] for split in found["cls"] for row in found["cls"][split]["most_confident"]}
    assert texts == {("test", "1"): "ראשון | שני", ("test", "2"): "", ("unseen", "4"): "רביעי"}
    assert found["span"]["test"]["most_confident"][0]["text"] == "הוא שבר שתיקה"  # 3 is not among the data
    ended = tool("errors", file, "--data", tmp_path / "none")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "none/train.jsonl does not exist" in ended.err


@pytest.mark.parametrize(("limit", "shown"), [(0, []), (1, ["1"]), (2, ["1", "2"])])
def test_as_many_mistakes_are_shown_as_asked_for(limit: int, shown: list[str], tool: Tool, file: Path) -> None:
    found = json.loads(tool("errors", file, "--json", "--limit", limit).out)["cls"]["test"]
    assert [row["id"] for row in found["most_confident"]] == shown


def test_a_limit_below_zero_is_refused(tool: Tool, file: Path) -> None:
    assert tool("errors", file, "--limit", "-1") == (2, "", "error: --limit is -1; it must be 0 or more\n")


def test_files_of_others_have_neither_sentences_nor_confidence(tool: Tool, tmp_path: Path) -> None:
    rows = [label("1", "a", "b"), label("2", "c", "c"), words("1", "OBI", "OOB"), words("2", "OO", "OO", split="dev")]
    ended = tool(
        "errors", write(tmp_path / "theirs.jsonl", rows, ("id", "split", "group", "task", "gold", "predicted"))
    )
    assert (ended.status, ended.err) == (0, "")
    assert "\n1 (a->b): gold a, predicted b\n" in ended.out
    assert "\n1 (PARTIAL_START): gold 1 2, predicted 2\n" in ended.out
    assert "dev: most confident" not in ended.out
    assert "by group" not in ended.out


def test_rows_without_gold_are_no_mistakes(tool: Tool, tmp_path: Path) -> None:
    write_predictions(
        tmp_path / "a/a.jsonl", [sure("1", None, 0.9), replace(words("1", None, "OB"), predicted=tags("OB"))]
    )
    assert json.loads(tool("errors", tmp_path / "a", "--json").out) == {"cls": {}, "span": {}}
    assert tool("errors", tmp_path / "a").status == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("{", "line 1 is not a valid Prediction"),
        ('{"id": "1"}\n', "field 'split' is missing"),
    ],
)
def test_a_file_that_is_none_is_one_line_and_status_2(
    content: str | None, message: str, tool: Tool, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "bad.jsonl").write_text(content)
    ended = tool("errors", tmp_path / "bad.jsonl")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith(f"error: {tmp_path / 'bad.jsonl'}")
    assert message in ended.err

"""Examples and Predictions, and the lines that they are written as.

pytest tests/core/test_records.py
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src.core.records import SPLITS, Example, Prediction, read_examples, write_examples
from src.core.user_errors import UserError
from src.tasks.prediction_file import read_predictions, write_predictions

CLS = Prediction(
    id="7", split="test", group="שבר שתיקה", task="cls", gold="Literal", predicted="Figurative", correct=False,
    probabilities={"Literal": 0.25, "Figurative": 0.75},
)  # fmt: skip
SPAN = Prediction(
    id="7", split="unseen", group=None, task="span", gold=["O", "B-IDIOM"], predicted=["O", "B-IDIOM"], correct=True,
    probabilities=[0.5, 1.0], tokens=["הוא", 'צה"ל'], gold_spans=[[4, 8, "IDIOM"]], predicted_spans=[[4, 8, "IDIOM"]],
)  # fmt: skip
EVIDENCE = Prediction(
    id="7", split="test", group=None, task="evidence", gold=[[4, 8], [0, 3]], predicted=None, correct=False, text="",
    score=-1.5, null_score=2.0, gold_texts=['צה"ל', "הוא"],
)  # fmt: skip
REQUIRED = ["id", "split", "group", "task", "gold", "predicted", "correct"]


def lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, read without the code under test."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_splits_have_these_names_in_this_order() -> None:
    assert SPLITS == ("train", "validation", "test", "unseen")


def test_examples_come_back_as_they_were_written_and_in_their_order(tmp_path: Path) -> None:
    examples = [
        Example(id="b", text='אמר: "צה"ל"\nושתק\u2028', group="g", label="x", tokens=["א"], tags=["O"], split="train"),
        Example(id="a", text="x", text_pair="y", split="unseen"),
    ]  # fmt: skip
    write_examples(tmp_path / "a.jsonl", examples)
    assert read_examples(tmp_path / "a.jsonl") == examples


def test_an_example_is_written_with_these_fields(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.jsonl", [Example(id="a", text="שלום", split="train")])
    assert lines(tmp_path / "a.jsonl") == [
        {
            "id": "a", "text": "שלום", "text_pair": None, "group": None, "label": None, "tokens": None, "tags": None,
            "answers": None, "split": "train",
        }
    ]  # fmt: skip
    assert "שלום".encode() in (tmp_path / "a.jsonl").read_bytes()


def test_no_examples_are_an_empty_file(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.jsonl", [])
    assert (tmp_path / "a.jsonl").read_bytes() == b""
    assert read_examples(tmp_path / "a.jsonl") == []


@pytest.mark.parametrize("row", [CLS, SPAN, EVIDENCE], ids=["cls", "span", "evidence"])
def test_predictions_come_back_as_they_were_written(tmp_path: Path, row: Prediction) -> None:
    write_predictions(tmp_path / "a.jsonl", [row])
    (found,) = read_predictions(tmp_path / "a.jsonl")
    assert replace(found, labels=None) == row
    assert found.labels == (("Literal", "Figurative") if row is CLS else None)


@pytest.mark.parametrize(
    ("row", "further"),
    [
        (CLS, ["probabilities"]),
        (SPAN, ["probabilities", "tokens", "gold_spans", "predicted_spans"]),
        (EVIDENCE, ["text", "score", "null_score", "gold_texts"]),
    ],
    ids=["cls", "span", "evidence"],
)
def test_a_prediction_is_written_with_the_fields_of_its_task(
    tmp_path: Path, row: Prediction, further: list[str]
) -> None:
    write_predictions(tmp_path / "a.jsonl", [row])
    (found,) = lines(tmp_path / "a.jsonl")
    assert list(found) == REQUIRED + further


def test_predictions_are_sorted_by_id_and_then_by_task(tmp_path: Path) -> None:
    rows = [replace(SPAN, id="b"), replace(CLS, id="b"), replace(CLS, id="a"), replace(CLS, id="10")]
    write_predictions(tmp_path / "a.jsonl", rows)
    assert [(row["id"], row["task"]) for row in lines(tmp_path / "a.jsonl")] == [
        ("10", "cls"), ("a", "cls"), ("b", "cls"), ("b", "span"),
    ]  # fmt: skip


@pytest.mark.parametrize("row", [CLS, SPAN, EVIDENCE], ids=["cls", "span", "evidence"])
def test_without_gold_a_row_says_null(tmp_path: Path, row: Prediction) -> None:
    write_predictions(tmp_path / "a.jsonl", [replace(row, gold=None, correct=None, gold_spans=None, group=None)])
    (found,) = lines(tmp_path / "a.jsonl")
    assert {name: found[name] for name in ("gold", "correct", "group")} == {
        "gold": None,
        "correct": None,
        "group": None,
    }
    assert found["predicted"] == row.predicted


def test_spans_of_a_sentence_without_any_are_an_empty_list_and_not_left_out(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a.jsonl", [replace(SPAN, gold_spans=[], predicted_spans=[])])
    (found,) = lines(tmp_path / "a.jsonl")
    assert found["gold_spans"] == found["predicted_spans"] == []


@pytest.mark.parametrize("probabilities", [{"Literal": float("nan")}, [float("inf")]], ids=str)
def test_a_probability_that_is_no_number_is_refused_and_the_old_file_stays(tmp_path: Path, probabilities: Any) -> None:
    write_predictions(tmp_path / "a.jsonl", [CLS])
    before = (tmp_path / "a.jsonl").read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_predictions(tmp_path / "a.jsonl", [replace(CLS, id="1"), replace(CLS, probabilities=probabilities)])
    assert (tmp_path / "a.jsonl").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_rows_of_others_with_the_required_fields_only_are_read(tmp_path: Path) -> None:
    row = {"id": "a", "split": "test", "group": None, "task": "cls", "gold": "x", "predicted": "x", "correct": True}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (found,) = read_predictions(tmp_path / "a.jsonl")
    assert (found.id, found.correct, found.probabilities, found.tokens) == ("a", True, None, None)


@pytest.mark.parametrize("field", REQUIRED[:-1])
def test_a_row_without_a_required_field_is_refused_with_its_line(tmp_path: Path, field: str) -> None:
    row = {"id": "a", "split": "test", "group": None, "task": "cls", "gold": "x", "predicted": "x", "correct": True}
    del row[field]
    write_predictions(tmp_path / "a.jsonl", [CLS])
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write(json.dumps(row))
    with pytest.raises(UserError) as error:
        read_predictions(tmp_path / "a.jsonl")
    assert str(error.value).startswith(f"{tmp_path / 'a.jsonl'}, line 2 is not a valid Prediction: ")
    assert f"'{field}'" in str(error.value)


@pytest.mark.parametrize(
    "line",
    [b"{", b"[1]", b"3", b"null", b"", b'{"id": "a"}', b'{"id": "a", "text": "x", "split": "test", "colour": "red"}'],
    ids=["broken", "list", "number", "null", "empty", "too few fields", "unknown field"],
)  # fmt: skip
def test_a_line_that_is_no_example_is_refused_with_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "a", "text": "x", "split": "test"}\n' + line + b"\n")
    with pytest.raises(UserError) as error:
        read_examples(path)
    assert str(error.value).startswith(f"{path}, line 2 is ")


@pytest.mark.parametrize("read", [read_examples, read_predictions])
def test_a_file_that_is_not_utf8_is_an_expected_error(tmp_path: Path, read: Any) -> None:
    (tmp_path / "a.jsonl").write_bytes('{"id": "שלום"}\n'.encode("cp1255"))
    with pytest.raises(UserError) as error:
        read(tmp_path / "a.jsonl")
    assert str(error.value).startswith(str(tmp_path / "a.jsonl"))
    assert "not UTF-8" in str(error.value)


@pytest.mark.parametrize("read", [read_examples, read_predictions])
def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path: Path, read: Any) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path / "a.jsonl")
    assert str(error.value) == f"{tmp_path / 'a.jsonl'} does not exist; run the stage that writes it: dvc repro"


def others(path: Path, **changes: Any) -> Path:
    """Writes one cls row as somebody else would, with changes; `...` drops a field."""
    row = {"id": "a", "split": "dev", "group": None, "task": "cls", "gold": "x", "predicted": "x"} | changes
    path.write_text(json.dumps({name: value for name, value in row.items() if value is not ...}) + "\n")
    return path


SPAN_OF_OTHERS = {"task": "span", "gold": ["O", "B-X"], "predicted": ["B-X", "O"]}
EVIDENCE_OF_OTHERS = {"task": "evidence", "gold": [[0, 2], [4, 6]], "predicted": [4, 6]}


@pytest.mark.parametrize(
    ("changes", "correct"),
    [
        ({}, True),
        ({"predicted": "y"}, False),
        ({"gold": None}, None),
        ({"colour": "red"}, True),
        (SPAN_OF_OTHERS, False),
        (SPAN_OF_OTHERS | {"predicted": ["O", "B-X"]}, True),
        (EVIDENCE_OF_OTHERS, True),
        (EVIDENCE_OF_OTHERS | {"predicted": None}, False),
        (EVIDENCE_OF_OTHERS | {"gold": [], "predicted": None}, True),
        (EVIDENCE_OF_OTHERS | {"gold": []}, False),
    ],
)
def test_what_others_leave_out_follows_from_gold_and_predicted(
    tmp_path: Path, changes: dict[str, Any], correct: bool | None
) -> None:
    (found,) = read_predictions(others(tmp_path / "a.jsonl", **changes))
    assert found.correct is correct


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": 3}, "id: Input should be a valid string, not 3"),
        ({"task": "spam"}, "unknown task 'spam', did you mean 'span'?"),
        ({"task": ["cls"]}, "unknown task"),
        ({"predicted": None}, "predicted: Input should be a valid string, not None"),
        ({"correct": False}, "correct is false, but gold and predicted contradict it"),
        ({"gold": None, "correct": True}, "correct must be null if gold is null"),
        ({"probabilities": {"x": 1.5}}, "probabilities.x: Input should be less than or equal to 1"),
        ({"probabilities": {"x": 0.5}}, "probabilities add up to 0.5, not to 1"),
        ({"probabilities": {"y": 1.0}}, "probabilities do not contain the label 'x'"),
        (SPAN_OF_OTHERS | {"gold": ["O"]}, "gold has 1 entries, predicted has 2"),
        (SPAN_OF_OTHERS | {"tokens": ["a"]}, "tokens has 1 entries, predicted has 2"),
        (SPAN_OF_OTHERS | {"tokens": ["a", ""]}, "tokens.1: String should have at least 1 character"),
        (SPAN_OF_OTHERS | {"gold": ["O", "X"]}, "gold.1: String should match pattern"),
        (EVIDENCE_OF_OTHERS | {"predicted": [4, 4]}, "[4, 4] is not a span"),
        (EVIDENCE_OF_OTHERS | {"predicted": [-1, 4]}, "predicted.0: Input should be greater than or equal to 0"),
        (EVIDENCE_OF_OTHERS | {"gold_texts": ["a"]}, "gold_texts has 1 entries, gold has 2"),
        (EVIDENCE_OF_OTHERS | {"gold": [[4]]}, "gold.0: List should have at least 2 items"),
    ],
)
def test_a_row_that_breaks_the_schema_is_refused_with_its_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        read_predictions(others(tmp_path / "a.jsonl", **changes))
    assert str(error.value).startswith(f"{tmp_path / 'a.jsonl'}, line 1")
    assert message in str(error.value)


def test_an_id_that_stands_twice_in_a_split_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = others(tmp_path / "a.jsonl")
    path.write_text(path.read_text() + path.read_text().replace("dev", "test") + path.read_text())
    with pytest.raises(UserError, match=r"line 3: id 'a' already occurs in .*, line 1, in the same split"):
        read_predictions(path)

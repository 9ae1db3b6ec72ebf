"""ensemble: predictions in, predictions out.

pytest tests/tools/test_ensemble.py
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from src.analysis.ensembling import ensemble
from src.core.records import Prediction
from src.tasks.prediction_file import read_predictions, write_predictions
from tests.rows import answer, label, of_labels, of_tags, sure, words, write
from tests.tools.conftest import Tool

OURS = [
    sure("1", "Literal", 0.125, group="שבר שתיקה"), sure("1", "Literal", 1 / 3, "unseen"), sure("2", None, 0.7),
    replace(
        words("1", "OBI", "OBO", [1.0, 0.9, 0.1]), tokens=["א", "ב", "ג"], gold_spans=[[2, 5, "X"]],
        predicted_spans=[[2, 3, "X"]],
    ),
    replace(answer("1", [[1, 2]], [1, 2]), text="ב", score=0.1, null_score=-2.5),
]  # fmt: skip


def test_an_ensemble_of_one_is_the_same_byte_by_byte(tool: Tool, tmp_path: Path) -> None:
    write_predictions(tmp_path / "one.jsonl", OURS)
    ended = tool("ensemble", "--out", tmp_path / "new/all.jsonl", tmp_path / "one.jsonl")
    assert ended == (0, f"wrote 5 rows to {tmp_path / 'new/all.jsonl'}\n", "")
    assert (tmp_path / "new/all.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()


@given(of_labels(), of_tags())
def test_an_ensemble_of_any_one_is_the_same_byte_by_byte(
    tmp_path_factory: pytest.TempPathFactory, labels: list[Prediction], tags: list[Prediction]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    write_predictions(folder / "one.jsonl", [*labels, *tags])
    write_predictions(folder / "all.jsonl", ensemble({"one": read_predictions(folder / "one.jsonl")}))
    assert (folder / "all.jsonl").read_bytes() == (folder / "one.jsonl").read_bytes()


def test_the_result_is_read_by_score_and_compare(tool: Tool, tmp_path: Path) -> None:
    """By hand: the means of p are .4, .6; tags of most files are right."""
    files = [
        write(
            tmp_path / f"{name}.jsonl", [sure("1", "Literal", p), sure("2", "Figurative", q), words("1", "OBI", tagged)]
        )
        for name, p, q, tagged in (("a", 0.6, 0.9, "OBI"), ("b", 0.1, 0.4, "OOO"), ("c", 0.5, 0.5, "OBI"))
    ]
    assert tool("ensemble", "--out", tmp_path / "all.jsonl", *files).status == 0
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [(row["id"], row["task"], row["predicted"], row["correct"]) for row in rows] == [
        ("1", "cls", "Literal", True), ("1", "span", ["O", "B-X", "I-X"], True), ("2", "cls", "Figurative", True),
    ]  # fmt: skip
    assert rows[0]["probabilities"] == pytest.approx({"Literal": 0.6, "Figurative": 0.4})
    [scored] = json.loads(tool("score", tmp_path / "all.jsonl", "--json").out).values()
    assert scored["cls"]["splits"]["test"]["scores"]["f1_macro"] == 1.0
    assert scored["span"]["splits"]["test"]["scores"]["span_f1"] == 1.0
    given = [f"all={tmp_path / 'all.jsonl'}", f"b={tmp_path / 'b.jsonl'}"]
    compared = json.loads(tool("compare", "--predictions", *given, "--json").out)
    assert {pair["task"]: pair["difference"] for pair in compared["pairs"]} == pytest.approx(
        {"cls": 2 / 3, "span": 1.0}
    )


def test_the_method_can_be_chosen(tool: Tool, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{p}.jsonl", [sure("1", "Literal", p)]) for p in (0.6, 0.7, 0.01)]
    for method, expected in (("vote", "Figurative"), ("mean", "Literal")):
        tool("ensemble", "--out", tmp_path / "all.jsonl", "--method", method, *files)
        assert [row.predicted for row in read_predictions(tmp_path / "all.jsonl")] == [expected]


def test_folders_are_combined_as_files_are(tool: Tool, tmp_path: Path) -> None:
    for seed in "12":
        write(tmp_path / f"{seed}/test.jsonl", [sure("1", "Literal", 0.2)])
        write(tmp_path / f"{seed}/unseen.jsonl", [sure("1", "Literal", 0.9, "unseen")])
    assert tool("ensemble", "--out", tmp_path / "all.jsonl", tmp_path / "1", tmp_path / "2").out.startswith("wrote 2")
    assert {(row.split, row.predicted) for row in read_predictions(tmp_path / "all.jsonl")} == {
        ("test", "Literal"), ("unseen", "Figurative"),
    }  # fmt: skip


A = [label("1", "a", "a"), label("2", "a", "b")]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([A[0]], [], "b.jsonl have different rows: 1 only in "),
        (
            [A[0], replace(A[1], gold="b", correct=True)],
            [],
            "b.jsonl have different gold for the same rows: 2 of cls test",
        ),
        (A, ["--method", "mean"], "a.jsonl has no probabilities, which the method mean needs; use --method vote"),
        (None, [], "b.jsonl, line 1 is not a valid Prediction: "),
    ],
)
def test_what_cannot_be_combined_is_refused_and_nothing_is_written(
    rows: list[Prediction] | None, options: list[str], message: str, tool: Tool, tmp_path: Path
) -> None:
    first = write(tmp_path / "a.jsonl", A)
    second = write(tmp_path / "b.jsonl", rows or [])
    if rows is None:
        second.write_text("{}\n")
    out = tmp_path / "out/all.jsonl"
    ended = tool("ensemble", "--out", out, first, second, *options)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert message in ended.err
    assert not out.parent.exists()
    write(out, OURS[:1])
    before = out.read_bytes()
    tool("ensemble", "--out", out, first, second, *options)
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["all.jsonl"]


def test_a_file_that_is_given_twice_would_count_twice_and_is_refused(tool: Tool, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", A)
    ended = tool("ensemble", "--out", tmp_path / "all.jsonl", path, f"{tmp_path}/./a.jsonl")
    assert ended == (2, "", "error: a file is given twice; give each file once\n")
    assert not (tmp_path / "all.jsonl").exists()

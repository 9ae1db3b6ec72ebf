"""Reader `criteria`, on the synthetic posts of tests/corpora/readers/criteria.

pytest tests/corpora/readers/test_criteria.py
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from src.core.records import SPLITS, Example, read_examples
from tests.conftest import Ended
from tests.corpora.conftest import refusal_of, rows_of

SHIPPED = Path(__file__).parent / "criteria"
HEADER = "post_id,criterion,status,evidence,start,end"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped example."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "raw" / "criteria"))


def annotated(folder: Path, *lines: str) -> Path:
    """The folder with other annotations."""
    (folder / "annotations.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return folder


def found(folder: Path) -> dict[str, Example]:
    return {row.example.id: row.example for row in rows_of(folder)}


def test_a_criterion_and_a_post_are_a_pair_with_the_status_as_label_and_the_criterion_as_group(folder: Path) -> None:
    examples = found(folder)
    assert list(examples) == ["p1/sleep", "p1/joy", "p2/sleep", "p2/joy", "p3/sleep", "p3/joy", "p4/sleep", "p4/joy"]
    example = examples["p1/sleep"]
    assert example.text == "The writer has trouble sleeping."
    assert (example.text_pair or "").startswith("I have not slept for a week.")
    assert (example.label, example.group) == ("present", "sleep")
    assert examples["p2/joy"].label == "absent"


def test_evidence_is_located_by_offsets_or_text_and_several_pieces_are_kept(folder: Path) -> None:
    examples = found(folder)
    assert examples["p1/sleep"].answers == [[0, 28]]
    assert [(examples["p1/joy"].text_pair or "")[start:end] for start, end in examples["p1/joy"].answers or []] == [
        "nothing is fun at all", "Nothing is fun any more",
    ]  # fmt: skip
    assert [(examples["p4/joy"].text_pair or "")[start:end] for start, end in examples["p4/joy"].answers or []] == [
        "שום דבר לא משמח"
    ]


def test_a_criterion_that_is_not_met_has_no_answer_and_one_without_evidence_no_target(folder: Path) -> None:
    examples = found(folder)
    assert examples["p2/sleep"].answers == []
    assert examples["p3/joy"].answers is None


def test_evidence_that_is_not_in_the_post_is_remarked_on_and_not_guessed(folder: Path) -> None:
    rows = {row.example.id: row for row in rows_of(folder)}
    assert rows["p3/sleep"].example.answers is None
    (remark,) = rows["p3/sleep"].remarks
    assert remark == f"{folder / 'annotations.csv'}, row 7: the evidence 'I lie awake until 4' is not in post 'p3'"
    assert not any(row.remarks for key, row in rows.items() if key != "p3/sleep")


def test_evidence_that_stands_in_two_places_is_evidence_in_both(folder: Path) -> None:
    examples = found(annotated(folder, "p1,joy,1,is fun,,"))
    assert len(examples["p1/joy"].answers or []) == 2


def test_prepare_counts_and_lists_what_was_not_found_and_parts_no_post(
    folder: Path, stage: Callable[..., Ended], params_file: Callable[..., Path], tmp_path: Path
) -> None:
    params = params_file({"prepare.validation_fraction": 0.25, "prepare.test_fraction": 0.25})
    ended = stage("prepare", "--params", params, "--corpus", folder, "--out", tmp_path / "out",
                  "--statistics", tmp_path / "data.json")  # fmt: skip
    assert ended.status == 0, ended.err
    data = json.loads((tmp_path / "data.json").read_text(encoding="utf-8"))
    assert data["remarks"]["count"] == 1
    assert "'I lie awake until 4'" in data["remarks"]["listed"][0]
    posts = [{row.text_pair for row in read_examples(tmp_path / "out" / f"{name}.jsonl")} for name in SPLITS[:3]]
    assert sorted(map(len, posts)) == [1, 1, 2]
    assert len(set().union(*posts)) == 4


def test_whole_criteria_cannot_be_kept_together_where_that_parts_a_post(
    folder: Path, stage: Callable[..., Ended], params_file: Callable[..., Path], tmp_path: Path
) -> None:
    params = params_file(
        {"prepare.group_by": "group", "prepare.validation_fraction": 0.0, "prepare.test_fraction": 0.5}
    )
    ended = stage("prepare", "--params", params, "--corpus", folder, "--out", tmp_path / "out",
                  "--statistics", tmp_path / "data.json")  # fmt: skip
    assert ended.status == 2
    assert "this row is in test" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["p9,joy,1,,,"], "annotations.csv, row 2, column 'post_id': posts.csv has no such post; the value is 'p9'"),
        (["p1,jo,1,,,"], "annotations.csv, row 2, column 'criterion': criteria.json has no such criterion; legal: "),
        (["p1,joy,2,,,"], "annotations.csv, row 2, column 'status': the status is 0 or 1; the value is '2'"),
        (["p1,joy,-1,,,"], "annotations.csv, row 2, column 'status': the status is 0 or 1; the value is '-1'"),
        (
            ["p1,joy,1,,,", "p1,joy,0,,,"],
            "annotations.csv, row 3, column 'status': row 2 has status 1 for this pair",
        ),
        (["p1,joy,0,is fun,,"], "annotations.csv, row 2, column 'status': there is evidence, so the status must be 1"),
        (["p1,joy,1"], "annotations.csv, row 2: 3 cells for 6 columns"),
    ],
)
def test_an_annotation_that_is_wrong_is_refused(folder: Path, lines: list[str], message: str) -> None:
    assert refusal_of(annotated(folder, *lines)).startswith(message)


@pytest.mark.parametrize("line", ["p1,joy,1,,5,1000", "p1,joy,1,,a,b", "p1,joy,1,is fun,0,6", "p1,joy,1,,5,"])
def test_offsets_that_do_not_fit_are_remarked_on(folder: Path, line: str) -> None:
    (row,) = rows_of(annotated(folder, line))
    assert row.example.answers is None
    assert len(row.remarks) == 1


@pytest.mark.parametrize("name", ["posts.csv", "criteria.json"])
def test_a_file_that_is_not_beside_the_annotations_quotes_how_to_get_it(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert (
        refusal_of(folder)
        == f"annotations.csv needs the file {name}; to fetch it: git checkout -- tests/corpora/readers/criteria"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "posts.csv",
            "post_id,text\np1,a\np1,b\n",
            "posts.csv, row 3, column 'post_id': the post_id occurs in an earlier row",
        ),
        ("posts.csv", "post_id,text\np1,\n", "posts.csv, row 2, column 'text': the post is empty"),
        ("posts.csv", "post_id\np1\n", "posts.csv, row 1: no column 'text'"),
        ("criteria.json", '["joy"]', "criteria.json: an object {criterion: text} is expected"),
    ],
)
def test_posts_and_criteria_that_are_wrong_are_refused(folder: Path, name: str, content: str, message: str) -> None:
    (folder / name).write_text(content)
    assert refusal_of(folder).startswith(message)

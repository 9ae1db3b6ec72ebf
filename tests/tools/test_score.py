"""score on files of predictions, ours and those of others.

pytest tests/tools/test_score.py
"""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from src.core.records import Prediction
from src.tasks.prediction_file import write_predictions
from tests.conftest import ROOT, Ended
from tests.rows import LABELS, REQUIRED, label, sure, words, write
from tests.tools.conftest import Tool

JOINT = [
    sure("1", "Literal", 0.1, group="שבר שתיקה"), sure("2", "Literal", 0.8, group="שבר שתיקה"),
    sure("3", "Figurative", 0.9, group="g"), sure("4", "Figurative", 0.7, "unseen"),
    words("1", "OBI", "OBI", group="g"), words("2", "OBI", "OBO", group="g"), words("4", "BI", "BI", split="unseen"),
]  # fmt: skip


def test_a_joint_file_has_all_metrics_of_each_task_split_and_group(tool: Tool, tmp_path: Path) -> None:
    path = write(tmp_path / "joint.jsonl", JOINT)
    ended = tool("score", path)
    assert (ended.status, ended.err) == (0, "")
    found = [" ".join(line.split()) for line in ended.out.splitlines()]
    for line in (
        f"{path}: cls, gap +0.167", f"{path}: span, gap -0.500", "metric test unseen", "rows 3 1",
        "accuracy 0.6667 1.0000", "FALSE_POSITIVE 1 (33.3%) -", "span_f1 0.5000 1.0000",
        "span_f1_lenient 0.5000 1.0000", "PARTIAL_END 1 (50.0%) 0 (0.0%)", "test שבר שתיקה 2 0.3333", "test g 2 0.5000",
    ):  # fmt: skip
        assert line in found, line


def test_json_and_csv_hold_the_same_figures(tool: Tool, tmp_path: Path) -> None:
    path = write(tmp_path / "joint.jsonl", JOINT)
    whole = json.loads(tool("score", path, "--json").out)[str(path)]
    table = list(csv.DictReader(io.StringIO(tool("score", path, "--csv").out)))
    assert list(table[0]) == ["file", "task", "split", "group", "metric", "value"]
    values = {(row["task"], row["split"], row["group"], row["metric"]): float(row["value"]) for row in table}
    assert {row["file"] for row in table} == {str(path)}
    cls, span = whole["cls"]["splits"]["test"], whole["span"]["splits"]["test"]
    assert values["cls", "test", "", "f1_macro"] == cls["scores"]["f1_macro"] == pytest.approx(2 / 3)
    assert values["cls", "test", "שבר שתיקה", "f1_macro"] == cls["groups"]["שבר שתיקה"]["f1_macro"]
    assert values["span", "test", "", "errors_shares_PARTIAL_END"] == span["errors"]["shares"]["PARTIAL_END"] == 0.5
    assert values["span", "", "", "gap_absolute"] == whole["span"]["gap_absolute"] == -0.5
    assert cls["confusion"] == [[1, 1], [0, 1]]
    assert cls["calibration"]["ece"] == pytest.approx((abs(2 - 0.9 - 0.9) + 0.8) / 3)


def test_files_with_the_required_fields_alone_and_unknown_ones_are_scored(tool: Tool, tmp_path: Path) -> None:
    rows = [label("1", "Literal", "Literal"), label("2", "Figurative", "Literal"), words("1", "OBI", "OBI")]
    lines = [{name: getattr(row, name) for name in REQUIRED} for row in rows]
    path = tmp_path / "theirs.jsonl"
    path.write_text("".join(json.dumps(line | {"model": "theirs", "loss": [1]}) + "\n" for line in lines))
    found = json.loads(tool("score", path, "--json").out)[str(path)]
    assert found["cls"]["splits"]["test"]["scores"]["accuracy"] == 0.5
    assert found["cls"]["splits"]["test"]["calibration"] is None
    assert "ece" not in found["cls"]["splits"]["test"]["scores"]
    assert found["span"]["splits"]["test"]["scores"]["span_f1"] == 1.0


def test_each_file_is_scored_by_itself_and_a_folder_as_one(tool: Tool, tmp_path: Path) -> None:
    for i, rows in enumerate((JOINT[:3], JOINT[3:])):
        write(tmp_path / f"own/{i}.jsonl", rows)
    whole = write(tmp_path / "whole.jsonl", JOINT)
    first = tmp_path / "own/0.jsonl"
    found = json.loads(tool("score", first, tmp_path / "own", whole, "--json").out)
    assert list(found) == [str(first), str(tmp_path / "own"), str(whole)]
    assert found[str(tmp_path / "own")] == found[str(whole)]
    assert list(found[str(first)]["cls"]["splits"]) == ["test"]
    text = tool("score", first, whole).out
    assert text.count("metric ") == 3
    assert f"\n\n{whole}: cls" in text


def test_the_number_of_resamples_can_be_chosen(tool: Tool, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [sure(i, LABELS[i % 2], [0.9, 0.4, 0.2][i % 3]) for i in range(40)])
    few, many = (
        json.loads(tool("score", path, "--json", *more).out)[str(path)]["cls"]["splits"]["test"]["scores"]
        for more in (["--bootstrap-samples", "3"], [])
    )
    assert few["f1_macro"] == many["f1_macro"]
    assert few["f1_macro_interval"] != many["f1_macro_interval"]
    ended = tool("score", path, "--bootstrap-samples", "0")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "error: --bootstrap-samples is 0; it must be 1 or more\n"


def test_what_is_not_text_in_latin_letters_stays_readable(tool: Tool, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", JOINT)
    for form in ("--json", "--csv"):
        assert "שבר שתיקה" in tool("score", path, form).out


BAD = {
    "no json": ("{", "line 2 is not a valid Prediction: "),
    "no object": ("[1]", "line 2 is not a valid Prediction: "),
    "a field is missing": ('{"id": "2", "split": "test", "group": null, "task": "cls", "gold": "a"}', "'predicted'"),
    "a field of another type": (
        '{"id": 2, "split": "test", "group": null, "task": "cls", "gold": "a", "predicted": "a"}',
        "line 2 is not a valid Prediction: id: Input should be a valid string, not 2",
    ),
    "no such task": (
        '{"id": "2", "split": "test", "group": null, "task": "spam", "gold": "a", "predicted": "a"}',
        "line 2: unknown task 'spam', did you mean 'span'?",
    ),
    "lengths differ": (
        '{"id": "2", "split": "test", "group": null, "task": "span", "gold": ["O"], "predicted": ["O", "O"]}',
        "line 2 is not a valid Prediction: gold has 1 entries, predicted has 2",
    ),
    "nan": (
        '{"id": "2", "split": "test", "group": null, "task": "cls", "gold": "a", "predicted": "a", '
        '"probabilities": {"a": NaN}}',
        "line 2 is not a valid Prediction: ",
    ),
    "an id twice": (
        '{"id": "1", "split": "test", "group": null, "task": "cls", "gold": "a", "predicted": "a"}',
        "line 2: id '1' already occurs in ",
    ),
}


@pytest.mark.parametrize(("line", "message"), BAD.values(), ids=BAD)
def test_a_row_that_breaks_the_schema_is_named_by_file_and_line(
    line: str, message: str, tool: Tool, tmp_path: Path
) -> None:
    good = write(tmp_path / "good.jsonl", [label("1", "a", "a")])
    bad = tmp_path / "bad.jsonl"
    bad.write_text(good.read_text() + line + "\n")
    ended = tool("score", good, bad)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith(f"error: {bad}, line 2")
    assert message in ended.err


def test_what_is_not_there_is_one_line_and_status_2(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, message in (
        (tmp_path / "none.jsonl", "does not exist"),
        (tmp_path / "empty", "is a folder without files of predictions"),
    ):
        ended = tool("score", path)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert ended.err.startswith(f"error: {path} {message}")


def many_rows(count: int) -> list[Prediction]:
    draw = np.random.default_rng(5)
    rows = [
        sure(i, str(draw.choice(LABELS)), float(draw.random()), group=f"g{draw.integers(300)}") for i in range(count)
    ]
    return rows + [words(i, "OBIO", str(draw.choice(["OBIO", "OBOO"])), group=f"g{i % 300}") for i in range(count)]


def test_thousands_of_rows_in_hundreds_of_groups_are_scored(tool: Tool, tmp_path: Path) -> None:
    rows = many_rows(3000)
    write_predictions(tmp_path / "many.jsonl", rows)
    ended = tool("score", tmp_path / "many.jsonl", "--json", "--bootstrap-samples", "200")
    [found] = json.loads(ended.out).values()
    split = found["cls"]["splits"]["test"]
    assert (split["rows"], len(split["groups"]), sum(group["rows"] for group in split["groups"].values())) == (
        3000, 300, 3000,
    )  # fmt: skip
    sides = [row.gold for row in rows[:3000]], [row.predicted for row in rows[:3000]]
    assert split["scores"]["f1_macro"] == pytest.approx(f1_score(*sides, average="macro"))
    right = sum(row.gold == row.predicted for row in rows[3000:]) / 3000
    assert found["span"]["splits"]["test"]["scores"]["span_f1"] == pytest.approx(right)


def piped(command: str, cwd: Path) -> Ended:
    """Runs a pipeline in a shell; the status is that of its first command."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], cwd=cwd, env=environment, capture_output=True, text=True
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_a_reader_that_has_seen_enough_leaves_no_traceback(tmp_path: Path) -> None:
    rows = [label(i, "a", "a", group=f"group {i}") for i in range(400)]  # more than a pipe holds
    write(tmp_path / "a.jsonl", rows)
    ended = piped(f"{sys.executable} -m src score a.jsonl --bootstrap-samples 2 --csv | head -1", tmp_path)
    assert ended == (141, "file,task,split,group,metric,value\n", "")

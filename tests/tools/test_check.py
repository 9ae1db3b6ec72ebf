"""check: its table, its JSON, its exit statuses; checks: tests/runs/checks; with the real DVC: tests/test_dvc.py.

pytest tests/tools/test_check.py
"""

import json
import os
from pathlib import Path

import pytest

from src.models.matcher import Matcher
from src.runs.checks import CHECKS
from tests.project import sh
from tests.tools.conftest import Tool


@pytest.fixture
def model(tmp_path: Path) -> Path:
    Matcher({"span": ["O", "B-IDIOM", "I-IDIOM"]}, "IDIOM", ["שבר את הקרח"]).save(tmp_path / "model")
    return tmp_path / "model"


def test_a_table_has_a_line_per_check(model: Path, tool: Tool) -> None:
    ended = tool("check", "--model", model)
    assert (ended.status, ended.err) == (0, "")
    heading, _, *lines = [line.split() for line in ended.out.splitlines()]
    assert heading[:2] == ["check", "status"]
    assert [line[0] for line in lines] == list(CHECKS)
    assert "model        ok              loads: 1 canonical idioms, no weights" in ended.out


def test_json_says_the_same(model: Path, tool: Tool) -> None:
    found = json.loads(tool("check", "--model", model, "--json").out)
    assert (found["subject"], found["status"]) == (str(model), "ok")
    assert list(found["checks"]) == list(CHECKS)
    assert found["checks"]["model"]["figures"]["tasks"] == ["span"]
    assert found["checks"]["reload"] == {
        "status": "not_applicable", "message": "only a model is checked", "figures": {}, "thresholds": {}
    }  # fmt: skip


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_red_flag_is_exit_status_1(form: list[str], tmp_path: Path, tool: Tool) -> None:
    ended = tool("check", "--model", tmp_path, *form)
    assert (ended.status, ended.err) == (1, "")
    assert "red_flag" in ended.out
    assert "contains no model" in ended.out


def test_a_folder_that_is_no_project_or_inside_of_one_is_told_in_one_line(tmp_path: Path, tool: Tool) -> None:
    os.chdir(tmp_path)
    ended = tool("check")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith("error: DVC cannot find the project: you are not inside of a DVC repository")
    sh("git init -q && dvc init -q && git commit -qm 'Nothing' && mkdir inside", tmp_path)
    assert "dvc.lock is missing, so no stage has run; run dvc repro" in tool("check").out
    os.chdir(tmp_path / "inside")
    ended = tool("check")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == f"error: the current folder is not the root of the project; run the command in {tmp_path}\n"


def test_an_experiment_whose_outputs_are_lost_is_told_by_their_name_and_how_to_get_them(
    tmp_path: Path, tool: Tool
) -> None:
    os.chdir(tmp_path)
    make = "mkdir -p models/current && touch models/current/config.json"
    Path("dvc.yaml").write_text(f"stages:\n  train: {{cmd: {make}, outs: [models/current]}}\n")
    sh("git init -q && dvc init -q && dvc repro -q && git add -A && git commit -qm 'A run'", tmp_path)
    sh("rm -r .dvc/cache models", tmp_path)
    ended = tool("check", "--experiment", "HEAD")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith("error: models/current of ")
    assert "dvc.lock" not in ended.err
    assert "dvc fetch, or dvc exp pull" in ended.err


def test_wrong_arguments_are_one_line_and_exit_status_2(tmp_path: Path, tool: Tool) -> None:
    os.chdir(tmp_path)
    ended = tool("check", "--model", "nowhere")
    assert (ended.status, ended.out, ended.err) == (2, "", "error: --model nowhere: the folder does not exist\n")
    assert tool("check", "--model", tmp_path, "--experiment", "a").status == 2
    assert "error: DVC cannot look up experiments: " in tool("check", "--experiment", "a").err
    assert "error: params.yaml does not exist" in tool("check", "--overfit").err
    sh("git init -q && dvc init -q && git commit -qm 'Nothing'", tmp_path)
    ended = tool("check", "--experiment", "nobody-knows")
    assert ended.status == 2
    assert ended.err.startswith("error: unknown experiment or revision 'nobody-knows'")
    assert ended.err.count("\n") == 1

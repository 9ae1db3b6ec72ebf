"""check: its table, its JSON, its exit statuses; what checks find: tests/checks; with the real DVC: tests/test_dvc.py.

pytest tests/tools/test_check.py
"""

import json
import os
from pathlib import Path

import pytest

from src.checks import CHECKS
from src.modeling.matcher import Matcher
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
        "status": "not_applicable", "message": "a model alone", "figures": {}, "thresholds": {}
    }  # fmt: skip


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_red_flag_is_exit_status_1(form: list[str], tmp_path: Path, tool: Tool) -> None:
    ended = tool("check", "--model", tmp_path, *form)
    assert (ended.status, ended.err) == (1, "")
    assert "red_flag" in ended.out
    assert "holds no model" in ended.out


def test_a_folder_without_a_project_is_told(tmp_path: Path, tool: Tool) -> None:
    os.chdir(tmp_path)
    ended = tool("check")
    assert ended.status == 1
    assert "dvc.lock is not there, so no stage has run: dvc repro" in ended.out
    assert "Traceback" not in ended.err


def test_wrong_arguments_are_one_line_and_exit_status_2(tmp_path: Path, tool: Tool) -> None:
    os.chdir(tmp_path)
    ended = tool("check", "--model", "nowhere")
    assert (ended.status, ended.out, ended.err) == (2, "", "error: --model nowhere: there is no such folder\n")
    assert tool("check", "--model", tmp_path, "--experiment", "a").status == 2
    assert "error: DVC cannot look up experiments: " in tool("check", "--experiment", "a").err
    assert "error: params.yaml does not exist" in tool("check", "--overfit").err
    sh("git init -q && dvc init -q && git commit -qm 'Nothing'", tmp_path)
    ended = tool("check", "--experiment", "nobody-knows")
    assert ended.status == 2
    assert ended.err.startswith("error: unknown experiment or revision 'nobody-knows'")
    assert ended.err.count("\n") == 1

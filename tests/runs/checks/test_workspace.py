"""What belongs to the workspace, asked of the real DVC in a repository of one stage.

An experiment that failed: tests/tools/test_compare.py.

pytest tests/runs/checks/test_workspace.py
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from src.core.check_result import CheckResult
from src.core.user_errors import UserError
from src.runs.checks import workspace
from src.runs.checks.reporting import NotApplicableError
from src.runs.checks.subject import Subject
from src.runs.checks.workspace import disk, queue, stages
from tests.project import sh

HERE = Subject("workspace", Path("models/current"), Path(), in_workspace=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "dvc.yaml").write_text("stages:\n  make: {cmd: echo made > out, deps: [source], outs: [out]}\n")
    (folder / "source").write_text("1")
    sh("git init -q && dvc init -q && dvc repro -q && git add -A && git commit -qm 'One stage'", folder)
    return folder


def test_results_of_another_source_are_a_warning(repository: Path) -> None:
    os.chdir(repository)
    assert stages(HERE).status == "ok"
    (repository / "source").write_text("2")
    found = stages(HERE)
    assert (found.status, found.figures) == ("warning", {"changed": ["make"]})
    (repository / "source").write_text("1")


def test_a_commit_without_experiments_has_no_queue_to_tell_of(repository: Path) -> None:
    os.chdir(repository)
    with pytest.raises(NotApplicableError, match=r"^no experiments on HEAD$"):
        queue(HERE)


def test_a_queue_that_dvc_cannot_tell_of_is_an_error(tmp_path: Path) -> None:
    os.chdir(tmp_path)
    with pytest.raises(UserError, match="DVC cannot list experiments"):
        queue(HERE)


def test_the_disk_that_is_used_is_told_and_little_that_is_left_is_a_warning(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chdir(repository)
    (repository / ".checkpoints/key").mkdir(parents=True, exist_ok=True)
    (repository / ".checkpoints/key/state").write_bytes(bytes(2**21))
    found = disk(HERE)
    assert found.figures["used_mib"] == {
        "DVC cache": 0.0, "models": 0.0, "metrics": 0.0, ".checkpoints": 2.0, ".studies": 0.0
    }  # fmt: skip
    monkeypatch.setattr(workspace, "LEAST_FREE", found.figures["free_gib"] + 1)
    assert disk(HERE).status == "warning"


@pytest.mark.parametrize("function", [stages, queue, disk])
def test_an_experiment_and_a_model_alone_have_none_of_these(function: Callable[[Subject], CheckResult]) -> None:
    with pytest.raises(NotApplicableError, match="applies only to the workspace"):
        function(Subject("model", Path("model")))

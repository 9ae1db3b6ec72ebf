"""The real dvc when things go wrong: a grid with failing experiments, and two commands at once.

pytest tests/faults/test_grid.py
"""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.project import sh


@pytest.fixture(scope="module")
def project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `finished`, for the tests of this file to change."""
    folder = tmp_path_factory.mktemp("grid") / "project"
    shutil.copytree(finished, folder, symlinks=True)
    return folder


def processes(project: Path) -> dict[int, Path]:
    """The processes of stages that this project runs, in the workspace or for its queue, and where each runs."""
    found = {}
    for process in psutil.process_iter():
        try:
            folder, command = Path(process.cwd()), " ".join(process.cmdline())
        except (psutil.Error, OSError):  # gone meanwhile, or of somebody else
            continue
        if folder.is_relative_to(project) and command.startswith("python -m src.stages."):
            found[process.pid] = folder
    return found


def run_queue(project: Path) -> None:
    """Runs all that is queued on two workers."""
    sh("dvc queue start -j 2", project)
    deadline = time.monotonic() + 200
    while "Queued" in (status := sh("dvc queue status", project)) or "Running" in status:
        assert time.monotonic() < deadline, status
        time.sleep(0.5)


def test_a_grid_with_failing_experiments_keeps_the_good_and_names_the_others_and_a_second_loses_nothing(
    project: Path,
) -> None:
    sh("dvc exp run --queue -S model=./nowhere", project)
    sh("dvc exp run --queue -S seed=1", project)
    run_queue(project)
    assert processes(project) == {}
    first = told(project)
    assert set(scores(first)) == {1}
    (failed,) = first["warnings"]
    assert "(model=./nowhere) failed: error: model: there is no folder ./nowhere. See: dvc queue logs" in failed
    sh("dvc exp run --queue -S seed=2", project)
    run_queue(project)
    second = told(project)
    assert set(scores(second)) == {1, 2}
    assert scores(second)[1] == scores(first)[1]
    assert second["warnings"] == [failed]


def told(project: Path) -> dict[str, Any]:
    """What compare says of the experiments, each by itself."""
    return json.loads(sh("python -m src.tools.compare --over evaluate.batch_size --json 2> warnings", project))


def scores(found: dict[str, Any]) -> dict[int, Any]:
    return {row["settings"].get("seed", 1): row["scores"] for row in found["rows"]}


def test_two_commands_at_once_break_nothing(project: Path) -> None:
    first = subprocess.Popen(
        "dvc repro -s -f train", shell=True, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while not processes(project):
        assert first.poll() is None
        time.sleep(0.05)
    second = sh("dvc repro -s -f train", project, status=255)
    assert "is busy, it is being blocked by" in second
    first.communicate(timeout=120)
    assert first.returncode == 0
    sh("dvc repro", project)
    assert "up to date" in sh("dvc status", project)

"""The real dvc when things go wrong: stages that are killed, in a grid and in the workspace, and two commands at once.

pytest tests/faults/test_grid.py
"""

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.project import sh


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of `finished`, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def processes(project: Path, stage: str = "", experiment: str | None = None) -> list[psutil.Process]:
    """The stages that this project runs, in the workspace or for its queue; all, or this one of this experiment."""
    found = []
    for process in psutil.process_iter():
        try:
            folder, command = Path(process.cwd()), process.cmdline()
            named = process.environ().get("DVC_EXP_NAME")
        except (psutil.Error, OSError):  # gone meanwhile, or of somebody else
            continue
        if folder.is_relative_to(project) and command[1:2] == ["-m"] and command[2].startswith(f"src.stages.{stage}"):
            if not stage or named == experiment:
                found.append(process)
    return found


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 200
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def kill(project: Path, stage: str, experiment: str | None = None) -> None:
    """Kills a stage once it runs."""
    (process,) = wait_for(lambda: processes(project, stage, experiment))
    process.kill()


def wait_for_queue(project: Path) -> None:
    wait_for(lambda: not {"Queued", "Running"} & set(sh("dvc queue status", project).split()))


def told(project: Path) -> dict[str, Any]:
    """What compare says of the experiments, each by itself."""
    return json.loads(sh("python -m src.tools.compare --over evaluate.batch_size --json 2> warnings", project))


def scores(found: dict[str, Any]) -> dict[str, Any]:
    return {row["system"]: row["scores"] for row in found["rows"]}


def test_a_grid_with_failing_and_killed_experiments_keeps_the_good_and_names_the_others_and_a_second_loses_nothing(
    project: Path,
) -> None:
    sh("dvc exp run --queue -S model=./nowhere", project)
    sh("dvc exp run --queue -S train.threads=1", project)  # as many as `finished` has: it trains anew, to the same end
    sh("dvc exp run --queue -n killed -S seed=2", project)
    sh("dvc queue start -j 2", project)
    kill(project, "train", experiment="killed")
    wait_for_queue(project)
    assert processes(project) == []
    first = told(project)
    print(json.dumps(first, indent=1)[:3000])
    assert 0


def test_repro_makes_up_for_each_stage_that_was_killed_under_it_and_a_second_beside_it_is_refused(
    project: Path, finished: Path
) -> None:
    """The parameters that are changed make every stage run, and have no effect on what it makes."""
    sh("sed -i 's/test_fraction: 0.1/test_fraction: 0.2/; s/threads: null/threads: 1/' params.yaml", project)
    for stage in ("prepare", "hpo", "train", "evaluate"):
        repro = subprocess.Popen(
            ["dvc", "repro"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if stage == "evaluate":
            wait_for(lambda: processes(project, "train"))
            assert "is busy, it is being blocked by" in sh("dvc repro -s -f train", project, status=255)
        kill(project, stage)
        said = repro.communicate(timeout=120)[0]
        assert repro.returncode == 255
        assert f"failed to run: python -m src.stages.{stage}" in said
        assert said.strip().endswith("exited with -9")
    sh("dvc repro", project)
    assert "up to date" in sh("dvc status", project)
    ...

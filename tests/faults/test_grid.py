"""The real dvc when things go wrong: stages that are killed, in a grid and in the workspace, and two commands at once.

pytest tests/faults/test_grid.py
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.project import SMALL, queue_is_empty, sh, write_params


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of `finished`, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def processes(project: Path, *words: str) -> dict[psutil.Process, str | None]:
    """The processes that work for this project and have one of these words in their command: {process: experiment}."""
    found = {}
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(project) and set(words) & set(process.cmdline()):
                found[process] = process.environ().get("DVC_EXP_NAME")
        except (psutil.Error, OSError):  # gone meanwhile, or of somebody else
            continue
    return found


def at_work(project: Path) -> dict[psutil.Process, str | None]:
    """What runs of stages, in the workspace or for the queue, and what of DVC runs them for the queue."""
    return processes(project, "exec-run", *(f"src.stages.{name}" for name in ("prepare", "hpo", "train", "evaluate")))


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 600
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def kill(project: Path, stage: str, experiment: str | None = None) -> None:
    """Kills a stage once it runs."""

    def found() -> list[psutil.Process]:
        running = processes(project, f"src.stages.{stage}")
        return [process for process, name in running.items() if name == experiment]

    (process,) = wait_for(found)
    process.kill()


def run_queue(project: Path) -> None:
    """Starts two workers."""
    sh("dvc queue start -j 2 > /dev/null 2>&1", project)  # they hold what they print to open, and `sh` would wait


def wait_for_queue(project: Path) -> None:
    """Waits until it is empty."""
    wait_for(lambda: not at_work(project) and queue_is_empty(project))


def told(project: Path) -> dict[str, Any]:
    """What compare says of the experiments, each by itself."""
    return json.loads(sh("python -m src compare --over evaluate.batch_size --json 2> warnings", project))


def scores(project: Path, experiment: str) -> str:
    """The metrics/evaluate.json of an experiment."""
    (ref,) = sh(f"git for-each-ref --format='%(refname)' 'refs/exps/*/*/{experiment}'", project).split()
    return sh(f"git show {ref}:metrics/evaluate.json", project)


def test_a_grid_with_failing_and_killed_experiments_keeps_the_good_and_names_the_others_and_a_second_loses_nothing(
    project: Path,
) -> None:
    sh("dvc exp run --queue -n failing -S model=./nowhere", project)
    sh("dvc exp run --queue -n good -S train.threads=1", project)  # as many as `finished` had: it is trained alike
    sh("dvc exp run --queue -n killed -S seed=2", project)
    run_queue(project)
    kill(project, "train", "killed")
    wait_for_queue(project)
    assert at_work(project) == {}
    expected = (project / "metrics/evaluate.json").read_text(encoding="utf-8")
    assert scores(project, "good") == expected
    first = told(project)
    assert [row["runs"] for row in first["rows"]] == [["good"]]
    failing, killed = sorted(first["warnings"])
    refused = "error: model: there is no folder ./nowhere; set an existing folder"
    assert f"(model=./nowhere) failed: {refused}. See: dvc queue logs failing" in failing
    assert "(seed=2) failed: killed by signal 9. See: dvc queue logs killed" in killed

    sh(killed.rpartition("queue it again: ")[2], project)
    run_queue(project)
    wait_for_queue(project)
    assert at_work(project) == {}
    assert scores(project, "good") == expected
    second = told(project)
    found = {row["settings"]["seed"]: row["scores"] for row in second["rows"]}
    assert found.keys() == {42, 2}
    assert found[42] == first["rows"][0]["scores"]
    assert second["warnings"] == [failing]


def test_repro_makes_up_for_each_stage_that_was_killed_under_it_and_a_second_one_beside_it_is_refused(
    project: Path, finished: Path
) -> None:
    """The changes make every stage run, and have no effect on what it makes, but for the parameters in the card."""
    write_params(project / "params.yaml", SMALL | {"prepare.test_fraction": 0.2, "train.threads": 1})
    for stage in ("prepare", "hpo", "train", "evaluate"):
        repro = subprocess.Popen(
            ["dvc", "repro"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if stage == "evaluate":  # while train runs, which it does not disturb
            wait_for(lambda: processes(project, "src.stages.train"))
            assert "is busy, it is being blocked by" in sh("dvc repro -s -f train", project, status=255)
        kill(project, stage)
        said, _ = repro.communicate(timeout=120)
        assert repro.returncode == 255
        assert "exited with -9" in said or "exited with 137" in said  # as its shell tells it
    sh("dvc repro", project)
    assert "up to date" in sh("dvc status", project)
    for path in ("data/prepared", "models/current", "metrics/train", "metrics/predictions", "metrics/plots"):
        files = {file.relative_to(finished) for file in (finished / path).rglob("*") if file.is_file()}
        assert {file.relative_to(project) for file in (project / path).rglob("*") if file.is_file()} == files
        alike = [file for file in files if file.name != "README.md"]
        assert all((project / file).read_bytes() == (finished / file).read_bytes() for file in alike)
    assert (project / "metrics/evaluate.json").read_bytes() == (finished / "metrics/evaluate.json").read_bytes()

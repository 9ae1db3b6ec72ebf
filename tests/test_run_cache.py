"""DVC's run-cache: a stage that ran before with the same code, parameters and data does not run again.

pytest tests/test_run_cache.py
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.core.files import read_yaml, write_yaml
from tests.project import cached, queue_is_empty, ran, sh

COMMITTED, OTHER = 42, 7  # seeds; train and evaluate have run with both


@pytest.fixture(scope="module")
def seeds(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of `finished` that has run with the other seed too; its remote has the results of both."""
    folder = tmp_path_factory.mktemp("run-cache") / "project"
    shutil.copytree(finished, folder, symlinks=True)
    sh("dvc push --run-cache", folder)
    assert ran(sh(f"dvc exp run -S seed={OTHER}", folder)) == ["train", "evaluate"]
    sh("dvc push --run-cache", folder)
    yield folder
    sh("dvc queue stop --kill", folder)


@pytest.fixture
def project(seeds: Path) -> Path:
    """The same, as it is in Git: params.yaml, dvc.lock and the workspace are of the committed seed."""
    sh("git checkout -q . && dvc checkout", seeds)
    return seeds


def write_seed(folder: Path, seed: int) -> None:
    params = read_yaml(folder / "params.yaml", comments=True)
    write_yaml(folder / "params.yaml", {**params, "seed": seed})


def test_repro_does_not_train_again_with_an_earlier_seed(project: Path) -> None:
    for seed in (OTHER, COMMITTED):
        write_seed(project, seed)
        output = sh("dvc repro", project)
        assert (cached(output), ran(output)) == (["train", "evaluate"], [])


def test_an_experiment_does_not_train_again_with_an_earlier_seed(project: Path) -> None:
    output = sh(f"dvc exp run -S seed={OTHER}", project)
    assert (cached(output), ran(output)) == (["train", "evaluate"], [])


def test_a_queued_experiment_does_not_train_again_with_an_earlier_seed(project: Path) -> None:
    sh(f"dvc exp run --queue -S seed={OTHER}", project)
    name = sh("dvc queue status", project).splitlines()[1].split()[1]
    sh("dvc queue start > /dev/null 2>&1", project)  # the worker keeps its output open: sh would wait for it
    deadline = time.monotonic() + 120
    while not queue_is_empty(project):
        assert time.monotonic() < deadline
        time.sleep(1)
    log = sh(f"dvc queue logs {name}", project)
    assert (cached(log), ran(log)) == (["train", "evaluate"], [])


def test_a_clone_that_pulls_the_run_cache_does_not_train_with_a_seed_of_another_clone(
    project: Path, tmp_path: Path
) -> None:
    sh(f"git clone -q {project} clone", tmp_path)
    clone = tmp_path / "clone"
    sh(f"dvc config --local remote.local.url {project / '.dvc-remote'} && dvc pull --run-cache", clone)
    write_seed(clone, OTHER)
    output = sh("dvc repro --pull", clone)  # `dvc pull` had the files that dvc.lock names; these are of the other seed
    assert cached(output) == ["train"]
    assert ran(output) == ["evaluate"]  # metrics/evaluate.json is in Git (cache: false), which `dvc push` leaves out
    write_seed(clone, COMMITTED)
    output = sh("dvc repro train", clone)
    assert (cached(output), ran(output)) == (["train"], [])


def test_every_stage_can_use_the_run_cache(project: Path) -> None:
    (project / "dvc.lock").unlink()  # from here on, only the run-cache knows what ran before
    output = sh("dvc repro", project)
    assert (cached(output), ran(output)) == (list(read_yaml(project / "dvc.yaml")["stages"]), [])
    assert sh("git status --porcelain", project) == ""

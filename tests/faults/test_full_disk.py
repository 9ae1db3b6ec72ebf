"""A full disk: one line that says so, earlier results whole, and the next run goes on.

pytest tests/faults/test_full_disk.py
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import EVALUATED, TRAINED, Project, states

Disk = Callable[[int], Path]


def full(printed: str) -> None:
    line = printed.splitlines()[-1]
    assert line.startswith("error: the disk is full: "), printed
    assert line.endswith("Free some space and run the same command again")


def fill(disk: Path, left: int) -> Path:
    """Leaves so many KiB of a disk."""
    ballast = disk / "ballast"
    about = os.statvfs(disk)
    ballast.write_bytes(bytes(about.f_bavail * about.f_frsize - left * 1024))
    return ballast


@pytest.mark.parametrize("left", [8, 400, 1000, 1300])
def test_a_disk_that_is_full_while_a_model_or_its_state_is_saved(
    left: int, project: Project, whole: Project, disk: Disk
) -> None:
    """The model has 300 KiB, a state over twice as much, and there are two of these at once."""
    project.out = disk(6000)
    project.changes = {"seed": 8, "train.epochs": 1}
    project.run("train")
    before = project.written("models/current")
    project.changes = {}
    ballast = fill(project.out, left)
    full(project.run("train", status=1))
    assert project.written("models/current") == before
    ballast.unlink()
    project.run("train")
    assert project.written(*TRAINED) == whole.written(*TRAINED)


def test_a_disk_that_is_full_while_predictions_are_written(project: Project, whole: Project, disk: Disk) -> None:
    (project.root / "models").symlink_to(whole.root / "models")
    project.out = disk(1000)
    project.run("evaluate")
    before = project.written(*EVALUATED)
    ballast = fill(project.out, 4)
    full(project.run("evaluate", status=1))
    assert project.written(*EVALUATED) == before
    ballast.unlink()
    project.run("evaluate")
    assert project.written(*EVALUATED) == before


def test_a_disk_that_is_full_while_data_are_prepared(project: Project, disk: Disk) -> None:
    project.out = disk(1000)
    project.run("prepare")
    before = project.written("data/prepared", "metrics/data.json")
    ballast = fill(project.out, 20)
    full(project.run("prepare", status=1))
    assert project.written("data/prepared", "metrics/data.json") == before
    ballast.unlink()
    project.run("prepare")
    assert project.written("data/prepared", "metrics/data.json") == before


@pytest.mark.parametrize("left", [0, 60])
def test_a_disk_that_is_full_while_a_study_is_kept(left: int, project: Project, disk: Disk) -> None:
    project.out = disk(16000)
    project.changes = {"hpo.mode": "search"}
    project.run("hpo")
    before = project.written("metrics/hpo")
    project.changes = {"hpo.mode": "search", "hpo.n_trials": 3}
    ballast = fill(project.out, left)
    full(project.run("hpo", status=1))
    assert project.written("metrics/hpo") == before
    ballast.unlink()
    project.run("hpo")
    assert states(project.out / "metrics/hpo/trials.csv") == ["COMPLETE"] * 3

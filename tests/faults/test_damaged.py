"""Files that are damaged or missing: named, and never taken for whole ones.

pytest tests/faults/test_damaged.py
"""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from src.training import resume_state
from tests.faults.conftest import EVALUATED, TRAINED, Project, copy, killed_after

STATE = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("damage", [truncate, Path.unlink], ids=["truncated", "missing"])
@pytest.mark.parametrize("name", STATE)
def test_a_state_with_a_damaged_file_is_named_and_the_one_before_is_chosen(
    name: str, damage: Callable[[Path], None], interrupted: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = copy(interrupted, tmp_path)
    newest, before = project.state("checkpoint-6"), project.state("checkpoint-3")
    assert resume_state.last(newest.parent) == newest
    damage(newest / name)
    capfd.readouterr()
    assert resume_state.last(newest.parent) == before
    said = capfd.readouterr().err
    assert said.startswith(f"the checkpoint {newest} is incomplete or damaged and is not used: {newest / name}")
    assert said.count("\n") == 1
    assert not newest.exists()


def test_training_goes_on_from_the_state_before_a_damaged_one(interrupted: Project, tmp_path: Path) -> None:
    project = copy(interrupted, tmp_path)
    truncate(project.state("checkpoint-6") / "optimizer.pt")
    assert "checkpoint-6/optimizer.pt" in project.run("train")
    assert [line.split("\t")[0] for line in log(project)] == [str(step) for step in range(1, 10)]


def log(project: Project) -> list[str]:
    return (project.root / "metrics/train/plots/metrics/train/loss.tsv").read_text().splitlines()[1:]


def test_without_a_whole_state_training_starts_again(project: Project, whole: Project) -> None:
    project.killed("train", killed_after(1))
    truncate(project.state("checkpoint-3") / "optimizer.pt")
    assert "checkpoint-3/optimizer.pt" in project.run("train")
    assert project.written(*TRAINED) == whole.written(*TRAINED)


def test_a_state_whose_best_model_is_damaged_is_not_gone_on_from(
    interrupted: Project, whole: Project, tmp_path: Path
) -> None:
    """Trainer would keep the last epoch's weights and call them the best."""
    project = copy(interrupted, tmp_path)
    truncate(project.state("checkpoint-3") / "model.safetensors")
    printed = project.run("train")
    assert "checkpoint-3/model.safetensors" in printed
    assert project.written(*TRAINED) == whole.written(*TRAINED)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *itertools.product(["model.safetensors", "tokenizer.json", "config.json"], [truncate, Path.unlink]),
        ("tokenizer_config.json", truncate),  # without it a model is whole: tokenizer.json holds all that is needed
    ],
)
def test_a_model_with_a_damaged_file_is_refused_with_its_folder_and_earlier_results_stay(
    name: str, damage: Callable[[Path], None], whole: Project, tmp_path: Path
) -> None:
    project = copy(whole, tmp_path)
    before = project.written(*EVALUATED)
    damage(project.root / "models/current" / name)
    (line,) = [line for line in project.run("evaluate", status=2).splitlines() if line.startswith("error: ")]
    assert "models/current" in line
    assert project.written(*EVALUATED) == before


def test_a_state_of_a_project_that_was_moved_is_not_gone_on_from(
    interrupted: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its best model is not where it says, and Trainer would keep the last epoch's weights in its place."""
    moved = tmp_path / "moved"
    shutil.copytree(interrupted.state("checkpoint-6").parent, moved)
    assert resume_state.last(moved) is None
    assert "the best model is in another folder" in capfd.readouterr().err

"""What came from elsewhere is not unpickled: a planted pickle, in a model or in a state for resuming, does not run.

pytest tests/faults/test_pickles.py
"""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from src.core import config
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.tasks import label_sets, parse
from src.training import resume_state
from tests.faults.conftest import Project, copy
from tests.project import ROOT


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.mark),))


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[Path], Path]:
    """Puts a pickle into the place of a file, and returns the mark that it leaves when it is run."""

    def plant(file: Path, *, as_torch: bool = True) -> Path:
        mark = tmp_path / f"mark of {file.name}"
        if as_torch:
            torch.save({"state": Bomb(mark)}, file)
        else:
            file.write_bytes(pickle.dumps(Bomb(mark)))
        return mark

    return plant


def test_the_planted_pickle_runs_where_it_is_unpickled(planted: Callable[..., Path], tmp_path: Path) -> None:
    """Else what follows shows nothing."""
    mark = planted(tmp_path / "a.pt")
    torch.load(tmp_path / "a.pt", weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("as_torch", [True, False])
def test_a_pickle_in_a_state_is_not_run(
    as_torch: bool, interrupted: Project, planted: Callable[..., Path], tmp_path: Path
) -> None:
    project = copy(interrupted, tmp_path)
    state = project.state("checkpoint-6")
    marks = [
        planted(state / name, as_torch=as_torch)
        for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "scaler.pt")
    ]
    assert "checkpoint-6/optimizer.pt" in project.run("train")
    assert not any(mark.exists() for mark in marks)


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt"])
def test_every_file_of_a_state_is_looked_at_before_trainer_reads_it(
    name: str, interrupted: Project, planted: Callable[..., Path], tmp_path: Path
) -> None:
    folder = copy(interrupted, tmp_path).state("checkpoint-6").parent
    mark = planted(folder / "checkpoint-6" / name)
    found = resume_state.last(folder)
    assert found is not None
    assert found.name == "checkpoint-3"
    assert not mark.exists()


def test_training_arguments_of_a_state_are_not_read_at_all(
    interrupted: Project, planted: Callable[..., Path], tmp_path: Path
) -> None:
    project = copy(interrupted, tmp_path)
    mark = planted(project.state("checkpoint-6") / "training_args.bin", as_torch=False)
    assert "incomplete or damaged" not in project.run("train")
    assert not mark.exists()


def create(folder: Path, splits: dict[str, list[Example]], task: str = "cls") -> Checkpoint:
    train = config.load(ROOT / "params.yaml").train
    return checkpoint.create(
        Encoder(str(folder)),
        label_sets(parse(task), splits["train"], ["Literal", "Figurative"]),
        splits["train"],
        train,
    )


@pytest.fixture
def pickled(whole: Project, tmp_path: Path) -> Path:
    """A model whose weights are where many models of the hub have them: in pytorch_model.bin alone."""
    folder = tmp_path / "pickled"
    shutil.copytree(whole.root / "models/current", folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


@pytest.mark.parametrize("task", ["cls", "cls+span"])
def test_weights_in_a_pickle_of_tensors_are_read(
    task: str, pickled: Path, whole: Project, splits: dict[str, list[Example]]
) -> None:
    expected = load_file(whole.root / "models/current/model.safetensors")
    found = create(pickled, splits, task).model.state_dict()
    name = next(name for name in expected if name.endswith("word_embeddings.weight"))
    (same,) = [value for key, value in found.items() if key.endswith(name.removeprefix("bert."))]
    assert torch.equal(same, expected[name])


@pytest.mark.parametrize("as_torch", [True, False])
@pytest.mark.parametrize("task", ["cls", "cls+span"])
def test_a_pickle_in_the_place_of_weights_is_refused_and_not_run(
    task: str, as_torch: bool, pickled: Path, planted: Callable[..., Path], splits: dict[str, list[Example]]
) -> None:
    mark = planted(pickled / "pytorch_model.bin", as_torch=as_torch)
    for attempt in (lambda: create(pickled, splits, task), lambda: checkpoint.load(pickled)):
        with pytest.raises(UserError, match="cannot be loaded") as error:
            attempt()
        assert str(pickled) in str(error.value)
    assert not mark.exists()


def test_a_pickle_beside_safetensors_is_not_read(whole: Project, planted: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(whole.root / "models/current", folder)
    marks = [planted(folder / name, as_torch=False) for name in ("pytorch_model.bin", "training_args.bin")]
    checkpoint.load(folder)
    assert not any(mark.exists() for mark in marks)

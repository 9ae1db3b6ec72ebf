"""A stage that is killed, wherever it is, and started again ends like one that was not; SIGTERM and Ctrl-C are heeded.

pytest tests/faults/test_killed.py
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import transformers

from src.models.checkpoint import Checkpoint
from src.search import objective
from src.stages import evaluate, prepare
from src.training import trainer
from src.training.callbacks import LiveCallback
from tests.faults.conftest import EVALUATED, TRAINED, Fault, Project, kill, states


def at(owner: Any, name: str, call: int = 1) -> Fault:
    """Kills the process in place of this call of a function."""

    def patch() -> None:
        original, calls = getattr(owner, name), []

        def counted(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            return kill() if len(calls) == call else original(*arguments, **options)

        setattr(owner, name, counted)

    return patch


POINTS: dict[str, tuple[Fault, list[str]]] = {  # what is left of each
    "in the first epoch": (at(trainer.TasksTrainer, "loss_of_part", 2), []),
    "while the first state is written": (at(transformers.Trainer, "_save_optimizer_and_scheduler"), ["checkpoint-3"]),
    "at the end of an epoch": (at(LiveCallback, "on_save"), ["checkpoint-3"]),
    "in the second epoch": (at(trainer.TasksTrainer, "training_step", 5), ["checkpoint-3"]),
    "while a state is written over": (at(transformers.Trainer, "_save_rng_state", 2), ["checkpoint-3", "checkpoint-6"]),
    "while the model is saved": (at(transformers.PreTrainedTokenizerBase, "save_pretrained", 4), ...),
    "before the environment is written": (at(Checkpoint, "save"), ...),
}  # type: ignore[dict-item]


@pytest.mark.parametrize("point", POINTS)
def test_training_that_is_killed_goes_on_and_ends_with_the_bytes_of_one_that_was_not(
    point: str, project: Project, whole: Project
) -> None:
    fault, left = POINTS[point]
    project.killed("train", fault)
    assert left is ... or project.states() == left
    assert not (project.root / "models/current").exists()
    project.run("train")
    assert project.written(*TRAINED) == whole.written(*TRAINED)
    assert project.states() == []


@pytest.mark.parametrize(
    ("name", "fault", "outputs"),
    [
        pytest.param("prepare", at(prepare, "write_examples", 3), ("data/prepared", "metrics/data.json"), id="prepare"),
        pytest.param("evaluate", at(evaluate, "write_predictions", 2), EVALUATED, id="evaluate, predictions"),
        pytest.param("evaluate", at(evaluate, "write_json"), EVALUATED, id="evaluate, scores"),
    ],
)
def test_a_stage_that_is_killed_leaves_files_whole_or_absent_and_runs_again(
    name: str, fault: Fault, outputs: tuple[str, ...], project: Project, whole: Project, tmp_path: Path
) -> None:
    (project.root / "models").symlink_to(whole.root / "models")
    project.out = tmp_path / "expected"
    project.run(name)
    expected = project.written(*outputs)
    project.out = tmp_path / "out"
    project.killed(name, fault)
    for path, content in project.written(*outputs).items():
        assert content == expected[path]
    project.run(name)
    assert project.written(*outputs) == expected


def test_a_search_that_is_killed_keeps_its_trials_and_makes_up_for_the_lost_one(project: Project) -> None:
    project.changes = {"hpo.mode": "search"}
    project.killed("hpo", at(objective, "fit", 2))
    assert not (project.root / "metrics/hpo").exists()
    printed = project.run("hpo")
    assert "1 of 2 trials done" in printed
    assert states(project.root / "metrics/hpo/trials.csv") == ["COMPLETE", "COMPLETE"]


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_training_that_is_told_to_stop_does_so_at_once_and_goes_on_later(
    number: int, status: int, word: str, project: Project, whole: Project
) -> None:
    def wait() -> None:
        LiveCallback.on_save = lambda *_, **__: time.sleep(60)  # type: ignore[method-assign]

    started = project.start("train", wait)
    while not project.states():
        time.sleep(0.05)
    time.sleep(0.5)  # until the state is whole
    sent = time.monotonic()
    os.kill(started.pid, number)
    assert started.ended() == status
    assert time.monotonic() - sent < 10
    assert started.errors.read_text().splitlines()[-1] == f"error: {word}; run the same command again to continue"
    assert project.states() == ["checkpoint-3"]
    project.run("train")
    assert project.written(*TRAINED) == whole.written(*TRAINED)

"""Training where memory runs out, in half precision, and twice with one seed.

pytest tests/training/test_fit_hardware.py
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from src import tasks
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint, hardware
from src.models.batches import encode, parts_of
from src.models.checkpoint import Checkpoint
from src.tasks import TASKS
from src.training import modes, trainer
from src.training.fit import Fit, fit
from tests.models.conftest import Make, TrainParamsWith

ERRORS = {
    "GPU": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB."),
    "host": RuntimeError("[enforce fail at alloc_cpu.cpp] err == 0. DefaultCPUAllocator: can't allocate memory: you"),
}
BALANCED = {"class_weights": "balanced"}
Run = Callable[..., Fit]


@pytest.fixture
def run(splits: dict[str, list[Example]], tmp_path: Path, train_params: TrainParamsWith) -> Run:
    """Trains on 24 rows: 3 batches of 8 an epoch, and 2 epochs."""

    def call(made: Checkpoint, folder: str = "state", callbacks: Any = (), **changes: Any) -> Fit:
        data = {name: encode(made, splits[name][:24]) for name in ("train", "validation")}
        options = {"learning_rate": 5e-3, "seed": 3, "state_folder": tmp_path / folder, "callbacks": callbacks}
        return fit(made, data["train"], data["validation"], train_params(**changes), **options)

    return call


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Lets memory run out in the backward pass of more than so many rows, from a pass on; returns the rows of each."""

    def limit(rows: int, error: str = "host", first: int = 0) -> list[int]:
        seen: list[int] = []
        compute = trainer.TasksTrainer.loss_of_part

        def limited(self: Any, model: Any, part: Any, whole: Any) -> Any:
            loss = compute(self, model, part, whole)
            seen.append(len(part["input_ids"]))
            if seen[-1] > rows and len(seen) > first:
                loss.backward()  # some gradients are there already
                raise ERRORS[error]
            return loss

        monkeypatch.setattr(trainer.TasksTrainer, "loss_of_part", limited)
        return seen

    return limit


def weights(made: Checkpoint) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in made.model.state_dict().values()])


@pytest.mark.parametrize("task", ["cls", "cls+span"])
def test_two_runs_with_one_seed_give_equal_weights_to_the_bit(task: str, run: Run, make: Make) -> None:
    found = []
    for folder in ("one", "two"):
        made = make(task)
        run(made, folder)
        found.append(weights(made))
    assert torch.equal(*found)


@pytest.mark.parametrize("error", ERRORS)
def test_where_memory_runs_out_parts_are_smaller_and_the_effective_batch_stays(
    error: str, run: Run, make: Make, memory: Callable[..., list[int]]
) -> None:
    seen = memory(3, error, first=4)
    made = make("cls")
    result = run(made, gradient_accumulation_steps=3, epochs=2)
    assert seen == [8, 8, 8, 8, 8, 4] + [2] * 12
    assert result.steps == 2
    assert (result.micro_batch_size, result.gradient_accumulation_steps) == (2, 12)


@pytest.mark.parametrize("batch_size", [8, 12])
def test_what_is_recorded_is_the_rows_of_a_part_and_the_parts_of_a_batch(
    batch_size: int, run: Run, make: Make, memory: Callable[..., list[int]]
) -> None:
    memory(2)
    result = run(make("cls"), batch_size=batch_size, epochs=1)
    assert (result.micro_batch_size, result.gradient_accumulation_steps) == (2, batch_size // 2)


def without_room(made: Checkpoint, rows: int) -> list[int]:
    """Lets memory run out where more than so many rows are in an encoder that does not learn; returns those of each."""
    seen: list[int] = []

    def limited(module: torch.nn.Module, args: Any, inputs: Any) -> None:
        if not module.training:
            seen.append(len(args[0] if args else inputs["input_ids"]))
            if seen[-1] > rows:
                raise ERRORS["host"]

    made.model.base_model.register_forward_pre_hook(limited, with_kwargs=True)
    return seen


def test_where_memory_runs_out_in_prediction_batches_are_smaller_and_all_rows_are_there(
    make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make("cls+span")
    expected = made.predict(splits["test"][:11], 11)
    seen = without_room(made, 3)
    found = made.predict(splits["test"][:11], 11)
    assert seen == [11, 6, 3, 3, 3, 2]
    assert [(row.id, row.predicted) for row in found] == [(row.id, row.predicted) for row in expected]


def test_where_memory_runs_out_in_validation_its_batches_are_smaller_and_those_of_training_stay(
    run: Run, make: Make
) -> None:
    expected = run(make("cls"), "whole", epochs=1)
    made = make("cls")
    seen = without_room(made, 4)
    result = run(made, epochs=1)
    assert max(seen) == 8
    assert (result.micro_batch_size, result.gradient_accumulation_steps) == (8, 1)
    assert result.scores["loss"] == pytest.approx(expected.scores["loss"], abs=1e-5)


def test_where_memory_runs_out_for_frozen_states_they_are_those_of_the_whole(
    make: Make, splits: dict[str, list[Example]], train_params: TrainParamsWith
) -> None:
    found = []
    for rows in (8, 3):
        made = make("cls")
        without_room(made, rows)
        encoded = [encode(made, splits["validation"][:24])]
        modes.begin(made, encoded, train_params(mode="frozen"))
        found.append([row.probabilities for row in made.predict(splits["validation"][:24], 8)])
    for one, other in zip(*found, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_a_row_that_is_too_large_to_predict_is_refused_with_one_line(
    make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make("cls")
    without_room(made, 0)
    with pytest.raises(UserError, match=r"one row at a time.*train\.max_length"):
        made.predict(splits["test"][:3], 2)


def test_what_runs_before_training_runs_as_training_does(
    make: Make, splits: dict[str, list[Example]], train_params: TrainParamsWith
) -> None:
    """The states of mode frozen among it: other threads round otherwise."""
    before, made, seen = torch.get_num_threads(), make("cls"), []
    made.model.base_model.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    try:
        modes.begin(made, [encode(made, splits["test"][:4])], train_params(mode="frozen", threads=before + 1))
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {before + 1}


@pytest.mark.parametrize(
    "weighed", [{}, {"class_weights": "balanced"}, {"class_weights": "balanced", "focal_gamma": 2}]
)
@pytest.mark.parametrize("task", [*TASKS, "+".join(TASKS)])
def test_parts_give_the_gradients_of_the_whole(
    task: str, weighed: dict[str, Any], run: Run, make: Make, memory: Callable[..., list[int]]
) -> None:
    if weighed and not any(chosen.labelled for chosen in tasks.parse(task)):
        pytest.skip("no labels to weigh")
    found = []
    for rows in (8, 3, 1):
        memory(rows)
        made = make(task)
        for module in made.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        result = run(made, f"{rows}", epochs=1, batch_size=8, trainer={"optim": "sgd"}, **weighed)
        steps = [(entry["loss"], entry["grad_norm"]) for entry in result.history if "grad_norm" in entry]
        found.append((weights(made), np.array(steps), result.scores["loss"]))
    (whole, steps, loss), *others = found
    for parts, steps_of_parts, loss_of_parts in others:
        assert torch.allclose(parts, whole, atol=1e-5)
        np.testing.assert_allclose(steps_of_parts, steps, rtol=1e-3)
        assert loss_of_parts == pytest.approx(loss, rel=1e-4)


class Killed(Exception):  # noqa: N818
    pass


class KilledAfterAnEpoch(TrainerCallback):
    def on_save(self, *_: Any, **__: Any) -> None:
        raise Killed


@pytest.mark.parametrize("first", [1, 4])
def test_a_resumed_run_knows_that_memory_ran_out_and_ends_with_the_same_bits(
    first: int, run: Run, make: Make, memory: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory(4, first=first)
    whole = make("cls")
    expected = run(whole)
    monkeypatch.undo()
    memory(4, first=first)
    with pytest.raises(Killed):
        run(make("cls"), "killed", [KilledAfterAnEpoch()])
    monkeypatch.undo()
    seen = memory(4, first=max(0, first - 3))
    made = make("cls")
    result = run(made, "killed")
    assert torch.equal(weights(made), weights(whole))
    assert (result.micro_batch_size, result.gradient_accumulation_steps) == (4, 2)
    assert expected.micro_batch_size == 4
    assert (8 in seen) is (first == 4)


def test_a_row_that_does_not_fit_alone_ends_the_run_with_one_line(
    run: Run, make: Make, memory: Callable[..., list[int]]
) -> None:
    memory(0)
    with pytest.raises(UserError, match=r"one row at a time.*train\.max_length"):
        run(make("cls"))


def test_other_errors_are_not_taken_for_want_of_memory(run: Run, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("shapes")

    monkeypatch.setattr(trainer.TasksTrainer, "loss_of_part", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        run(make("cls"))


def test_parts_are_the_rows_of_the_batch_in_their_order() -> None:
    batch = {"input_ids": torch.arange(10).view(5, 2), "targets": {"cls": torch.arange(5)}}
    parts = list(parts_of(batch, 2))
    assert [len(part["input_ids"]) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part["input_ids"] for part in parts]), batch["input_ids"])
    assert torch.equal(torch.cat([part["targets"]["cls"] for part in parts]), batch["targets"]["cls"])


@pytest.mark.parametrize("task", ["cls", "span", "cls+span"])
def test_a_model_that_was_trained_in_bf16_predicts_in_bf16_what_validation_saw(
    task: str, run: Run, make: Make, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make(task, precision="bf16")
    assert made.precision == "bf16"
    run(made, precision="bf16", epochs=1)
    rows = made.predict(splits["test"], 8)
    assert {value.dtype for value in made.model.state_dict().values() if value.is_floating_point()} == {torch.float32}
    made.save(tmp_path / "saved")
    loaded = checkpoint.load(tmp_path / "saved")
    assert loaded.precision == "bf16"
    assert loaded.predict(splits["test"], 8) == rows
    loaded.to(hardware.device().type)
    assert loaded.predict(splits["test"], 8) == rows
    assert loaded.model.dtype == torch.bfloat16

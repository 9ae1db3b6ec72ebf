"""A loss that is no number stops training at its step; the state before it is whole.

pytest tests/faults/test_diverged.py
"""

from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from src.core.files import read_json
from src.training import trainer
from tests.faults.conftest import Fault, Project


def loss_is(value: float, step: int) -> Fault:
    """Makes the loss of a step this value."""

    def patch() -> None:
        original, calls = trainer.TasksTrainer.loss_of_part, []

        def poisoned(self: Any, model: Any, *arguments: Any, **options: Any) -> Any:
            loss = original(self, model, *arguments, **options)
            calls.extend([step] if model.training else [])
            return loss * value if model.training and len(calls) == step else loss

        trainer.TasksTrainer.loss_of_part = poisoned  # type: ignore[method-assign]

    return patch


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_training_stops_at_the_step_whose_loss_is_no_number_and_keeps_its_state(value: float, project: Project) -> None:
    line = project.run("train", loss_is(value, step=5), status=2).splitlines()[-1]
    assert line.startswith(f"error: training diverged: the loss is {value} at step 5; lower train.learning_rate")
    assert project.states() == ["checkpoint-3"]
    kept = load_file(project.state("checkpoint-3") / "model.safetensors")
    assert all(torch.isfinite(weights).all() for weights in kept.values())
    assert not (project.root / "models/current").exists()
    health = read_json(project.root / "metrics/health.json")
    assert health["status"] == health["rules"]["finite_loss"]["status"] == "red_flag"

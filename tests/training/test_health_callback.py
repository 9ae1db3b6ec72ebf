"""What watches a training: costs per epoch in the history, a line for each red flag.

pytest tests/training/test_health_callback.py
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from src.training import health_rules
from src.training.health_callback import EVERY, LIVE, CostCallback, HealthCallback
from src.training.health_rules import RULES
from tests.training.test_health_rules import FACTS, PARAMS, trained


@pytest.fixture
def arguments(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[])


def replay(callback: HealthCallback, history: list[dict[str, float]], arguments: TrainingArguments) -> Iterator[int]:
    """Calls back as Trainer does, with the history so far; yields each step."""
    for i, entry in enumerate(history, 1):
        state = TrainerState(global_step=int(entry["step"]), epoch=entry["epoch"], log_history=history[:i])
        callback.on_log(arguments, state, TrainerControl(), logs=entry)
        yield int(entry["step"])


def test_a_red_flag_is_printed_when_it_comes_up_and_once(
    arguments: TrainingArguments, capfd: pytest.CaptureFixture[str]
) -> None:
    printed = {}
    for step in replay(HealthCallback(FACTS, PARAMS), trained(norms=[*[1.0] * 25, 5000.0, 1.0]), arguments):
        if out := capfd.readouterr().out:
            printed[step] = out
    assert printed == {
        40: "epoch 2: red flag gradient_norm: the gradient norm has the median 1 and the maximum 5e+03\n"
    }


def test_a_long_epoch_is_looked_at_on_the_way(arguments: TrainingArguments, capfd: pytest.CaptureFixture[str]) -> None:
    history = trained(norms=[5000.0, 1.0], steps=4 * EVERY)
    steps = replay(HealthCallback(FACTS, PARAMS), history, arguments)
    assert next(step for step in steps if capfd.readouterr().out) == EVERY


def test_a_healthy_run_prints_nothing(arguments: TrainingArguments, capfd: pytest.CaptureFixture[str]) -> None:
    list(replay(HealthCallback(FACTS, PARAMS), trained(), arguments))
    assert capfd.readouterr() == ("", "")


def test_at_the_end_what_was_printed_is_not_printed_again(
    arguments: TrainingArguments, capfd: pytest.CaptureFixture[str]
) -> None:
    watch, history = HealthCallback(FACTS, PARAMS), trained(norms=[5000.0, 1.0], scores=[0.1, 0.2, 0.3])
    list(replay(watch, history, arguments))
    capfd.readouterr()
    watch.print_red_flags(health_rules.judge(history, FACTS, PARAMS))
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["red flag expected", "red flag majority"]


def test_what_is_looked_at_live_are_rules() -> None:
    assert set(LIVE) <= set(RULES)


class Rows:
    """Stands in for a data loader."""

    dataset = range(24)


def test_each_epoch_leaves_what_it_cost_in_the_history(arguments: TrainingArguments) -> None:
    callback, state = CostCallback(), TrainerState(global_step=3, epoch=1.0)
    callback.on_epoch_begin(arguments, state, TrainerControl())
    callback.on_epoch_end(arguments, state, TrainerControl(), train_dataloader=Rows())
    (entry,) = state.log_history
    assert entry.keys() == {"samples_per_second", "peak_memory_mib", "epoch", "step"}
    assert entry["samples_per_second"] > 0
    assert entry["peak_memory_mib"] > 0

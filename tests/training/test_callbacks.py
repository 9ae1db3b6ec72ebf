"""What callbacks write: DVCLive files under the optimizer step, and a line on the screen per epoch.

pytest tests/training/test_callbacks.py
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvclive import Live
from transformers import TrainerControl, TrainerState, TrainingArguments

from src.training.callbacks import LiveCallback, Progress

LOG = [
    {"loss": 0.9, "grad_norm": 2.0, "learning_rate": 1e-3, "epoch": 0.5, "step": 1},
    {"loss": 0.7, "grad_norm": 1.0, "learning_rate": 5e-4, "epoch": 1.0, "step": 2},
    {"samples_per_second": 9.1, "peak_memory_mib": 300.5, "epoch": 1.0, "step": 2},
    {"eval_f1_macro": 0.4, "eval_primary": 0.4, "eval_runtime": 3.2, "epoch": 1.0, "step": 2},
    {"loss": 0.5, "grad_norm": 1.5, "learning_rate": 0.0, "epoch": 1.5, "step": 3},
    {"eval_f1_macro": 0.6, "eval_primary": 0.6, "eval_samples_per_second": 9.9, "epoch": 1.5, "step": 3},
    {
        "train_runtime": 1.2, "train_samples_per_second": 9.0, "train_steps_per_second": 3.0, "total_flos": 7.0,
        "train_loss": 0.7, "epoch": 1.5, "step": 3,
    },
]  # fmt: skip


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(str(tmp_path / "live"), save_dvc_exp=False, dvcyaml=None, monitor_system=False) as live:
        yield live


def replay(callback: LiveCallback, entries: list[dict[str, float]], arguments: TrainingArguments) -> None:
    """Calls back as Trainer does: with the step in the state and the values in the log."""
    for entry in entries:
        state = TrainerState(global_step=int(entry["step"]))
        values = {name: value for name, value in entry.items() if name != "step"}
        callback.on_log(arguments, state, TrainerControl(), logs=values)


@pytest.fixture
def arguments(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[])


def table(live: Live, name: str) -> list[tuple[int, float]]:
    path = Path(live.dir) / "plots" / "metrics" / f"{name}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(int(row["step"]), float(row[path.stem])) for row in rows]


def test_training_is_logged_by_optimizer_step_and_validation_beside_it(
    live: Live, arguments: TrainingArguments
) -> None:
    replay(LiveCallback(live), LOG, arguments)
    assert table(live, "train/loss") == [(1, 0.9), (2, 0.7), (3, 0.5)]
    assert table(live, "train/learning_rate") == [(1, 1e-3), (2, 5e-4), (3, 0.0)]
    assert table(live, "validation/primary") == [(2, 0.4), (3, 0.6)]


def test_nothing_that_the_wall_clock_says_is_logged(live: Live, arguments: TrainingArguments) -> None:
    replay(LiveCallback(live), LOG, arguments)
    files = {str(path.relative_to(live.dir)) for path in Path(live.dir).rglob("*.tsv")}
    assert files == {
        f"plots/metrics/{name}.tsv"
        for name in (
            "train/loss",
            "train/grad_norm",
            "train/learning_rate",
            "validation/f1_macro",
            "validation/primary",
        )
    }


def test_the_summary_has_the_last_value_of_each_metric(live: Live, arguments: TrainingArguments) -> None:
    replay(LiveCallback(live), LOG, arguments)
    summary = json.loads((Path(live.dir) / "metrics.json").read_text())
    assert summary == {
        "train": {"loss": 0.5, "grad_norm": 1.5, "learning_rate": 0.0},
        "validation": {"f1_macro": 0.6, "primary": 0.6},
        "step": 3,
    }


def test_a_resumed_run_logs_again_what_was_logged_before_it(tmp_path: Path, arguments: TrainingArguments) -> None:
    folders = []
    for name, before in (("whole", 0), ("resumed", 4)):
        with Live(str(tmp_path / name), save_dvc_exp=False, dvcyaml=None, monitor_system=False) as live:
            callback = LiveCallback(live)
            saved = [dict(sorted(entry.items())) for entry in LOG[:before]]  # as trainer_state.json has it
            state = TrainerState(global_step=2 if before else 0, log_history=saved)
            callback.on_train_begin(arguments, state, TrainerControl())
            replay(callback, LOG[before:], arguments)
            folders.append(tmp_path / name)
    whole, resumed = ({path.name: path.read_bytes() for path in folder.rglob("*.*")} for folder in folders)
    assert resumed == whole
    assert "loss.tsv" in whole


SCORES = [0.4, 0.6, 0.6, 0.5, 0.7]


def histories(scores: list[float]) -> Iterator[list[dict[str, float]]]:
    """The log history after each of the epochs."""
    entries = [{"eval_primary": score, "epoch": epoch} for epoch, score in enumerate(scores, start=1)]
    return (entries[:count] for count in range(1, len(entries) + 1))


def test_a_line_per_epoch_says_which_score_is_the_highest_so_far(
    arguments: TrainingArguments, capfd: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("f1_macro")
    for history in histories(SCORES):
        state = TrainerState(epoch=float(len(history)), num_train_epochs=5, log_history=history)
        progress.on_evaluate(arguments, state, TrainerControl())
    assert capfd.readouterr().out.splitlines() == [
        "Epoch 1/5: validation f1_macro 0.400 (best)",
        "Epoch 2/5: validation f1_macro 0.600 (best)",
        "Epoch 3/5: validation f1_macro 0.600",
        "Epoch 4/5: validation f1_macro 0.500",
        "Epoch 5/5: validation f1_macro 0.700 (best)",
    ]


def test_a_resumed_run_knows_the_best_score_of_the_epochs_before(
    arguments: TrainingArguments, capfd: pytest.CaptureFixture[str]
) -> None:
    _, _, _, history, _ = histories(SCORES)
    state = TrainerState(epoch=4.0, num_train_epochs=5, log_history=history)
    Progress("primary").on_evaluate(arguments, state, TrainerControl())
    assert capfd.readouterr().out == "Epoch 4/5: validation primary 0.500\n"


@pytest.mark.parametrize("first_step", [0, 4])
def test_without_a_terminal_lines_are_30_seconds_apart_and_say_what_time_remains(
    arguments: TrainingArguments,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    first_step: int,
) -> None:
    seconds = 1000.0
    monkeypatch.setattr("src.training.callbacks.time.monotonic", lambda: seconds)
    progress = Progress("f1_macro")
    progress.on_train_begin(arguments, TrainerState(global_step=first_step, max_steps=12), TrainerControl())
    for step in range(first_step + 1, first_step + 7):
        seconds += 12
        state = TrainerState(global_step=step, max_steps=12, epoch=step / 6, num_train_epochs=2)
        progress.on_step_end(arguments, state, TrainerControl())
    assert (
        capfd.readouterr().out.splitlines()
        == {
            0: ["Epoch 1/2: step 3 of 12, 0:01:48 left", "Epoch 1/2: step 6 of 12, 0:01:12 left"],
            4: ["Epoch 2/2: step 7 of 12, 0:01:00 left", "Epoch 2/2: step 10 of 12, 0:00:24 left"],
        }[first_step]
    )

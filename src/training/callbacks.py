"""Trainer callbacks: what is logged to DVCLive, and what is shown on the screen."""

from pathlib import Path
from typing import Any

from dvclive import Live
from transformers import ProgressCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

NOISE = ("runtime", "samples_per_second", "steps_per_second", "total_flos", "train_loss", "epoch", "peak_memory_mib")


def open_live(folder: Path) -> Live:
    """Opens DVCLive on a folder. DVC makes the experiment and dvc.yaml names the plots, so DVCLive does neither."""
    return Live(str(folder), save_dvc_exp=False, dvcyaml=None, monitor_system=False)


class LiveCallback(TrainerCallback):
    """Logs to DVCLive under the optimizer step, without what the wall clock says: two equal runs give equal files.

    transformers' own DVCLiveCallback counts its calls in place of steps, and logs seconds.
    A resumed run starts with an empty folder, for DVC has deleted it: what was logged before is logged again.
    """

    def __init__(self, live: Live) -> None:
        self.live = live

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        for entry in state.log_history:
            self._log(int(entry["step"]), entry)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        self._log(state.global_step, logs or {})

    def _log(self, step: int, values: dict[str, float]) -> None:
        self.live.step = step
        for name, value in sorted(values.items()):  # a resumed run reads them back in this order
            if name != "step" and not name.endswith(NOISE):
                is_validation = name.startswith("eval_")
                folder = "validation" if is_validation else "train"
                self.live.log_metric(f"{folder}/{name.removeprefix('eval_')}", value)
        self.live.make_summary()


class Progress(ProgressCallback):
    """Trainer's progress bar, with a line per epoch in place of one per step."""

    def close(self) -> None:
        """Ends the bar of a training that has failed, so that the line which says why comes last."""
        if self.training_bar is not None:
            self.training_bar.close()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if logs and "eval_primary" in logs and self.training_bar is not None:
            self.training_bar.write(f"epoch {state.epoch:g}: validation score {logs['eval_primary']:.4f}")

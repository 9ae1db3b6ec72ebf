"""Trainer callbacks: what is logged to DVCLive, and what is shown on the screen."""

import math
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from dvclive import Live
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

NOISE = ("runtime", "samples_per_second", "steps_per_second", "total_flos", "train_loss", "epoch", "peak_memory_mib")
SECONDS_BETWEEN_LINES = 30  # at least, between the lines within an epoch


def open_live(folder: Path) -> Live:
    """Opens DVCLive on a folder. DVC makes the experiment and dvc.yaml names the plots, so DVCLive does neither."""
    return Live(str(folder), save_dvc_exp=False, dvcyaml=None, monitor_system=False)


class LiveCallback(TrainerCallback):
    """Logs metrics to DVCLive by optimizer step. Times are not logged, so equal runs write equal files.

    DVC deletes the folder before a run, so a resumed run logs its earlier steps again. transformers' DVCLiveCallback
    is not used: it counts its calls instead of the steps, and it logs times.
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


class Progress(TrainerCallback):
    """Shows how far training is: a line per epoch, and between these lines a bar or, without a terminal, a few lines.

    The bar is on standard error, where red flags can be written above it. All lines are on standard output.
    """

    def __init__(self, metric: str) -> None:
        """Makes the callback of one training.

        Args:
            metric: the name of the validation score in the line of an epoch.
        """
        self.metric = metric
        self.bar: tqdm | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.first_step = state.global_step  # above 0 if the run is resumed
        self.begin = self.last_line = time.monotonic()
        if sys.stderr and sys.stderr.isatty():
            self.bar = tqdm(total=state.max_steps, initial=self.first_step, unit=" steps", dynamic_ncols=True)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = time.monotonic()
        if self.bar is not None:
            self.bar.update()
        elif now - self.last_line >= SECONDS_BETWEEN_LINES:
            seconds = (now - self.begin) / (state.global_step - self.first_step)
            left = timedelta(seconds=round(seconds * (state.max_steps - state.global_step)))
            self._print(state, f"step {state.global_step} of {state.max_steps}, {left} left")

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        *earlier, score = _validation_scores(state)
        best = " (best)" if score > max(earlier, default=-math.inf) else ""
        self._print(state, f"validation {self.metric} {score:.3f}{best}")

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends the bar. If training has failed, the error is the last line."""
        if self.bar is not None:
            self.bar.close()

    def _print(self, state: TrainerState, message: str) -> None:
        self.last_line = time.monotonic()
        with tqdm.external_write_mode():  # above the bar
            print(f"Epoch {math.ceil(state.epoch or 0)}/{state.num_train_epochs}: {message}", flush=True)


def _validation_scores(state: TrainerState) -> list[float]:
    """Returns the score of each epoch so far, including those before the run was resumed."""
    return [entry["eval_primary"] for entry in state.log_history if "eval_primary" in entry]

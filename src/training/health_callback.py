"""Trainer callbacks that observe training: costs per epoch, and red flags during training."""

import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from src.core.config import HealthParams
from src.models import hardware
from src.training import health_rules
from src.training.health_rules import Facts

LIVE = ("loss_ratio", "loss_trend", "gradient_norm")  # rules that an incomplete history is enough for
EVERY = 100  # steps between two judgements, which are slower for longer histories; each evaluation is judged, too


class CostCallback(TrainerCallback):
    """Adds rows per second and peak memory of each epoch to the history, and therefore to the resume state.

    They are not logged to DVCLive, because its files must be equal for equal runs.
    """

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, train_dataloader: Any, **_: Any
    ) -> None:
        seconds = time.perf_counter() - self.start
        costs = {
            "samples_per_second": round(len(train_dataloader.dataset) / seconds, 3),
            "peak_memory_mib": hardware.peak_memory_mib(args.device),  # since the process started
        }
        state.log_history.append({**costs, "epoch": state.epoch, "step": state.global_step})


class HealthCallback(TrainerCallback):
    """Prints a line for each rule with a red flag, once.

    It never stops training, even with train.health.fail_on: red_flag, because the loss may recover and the best epoch
    may be good. Only a NaN or infinite loss stops training, in `trainer`. Other rules wait for the complete history.
    """

    def __init__(self, facts: Facts, params: HealthParams) -> None:
        self.facts = facts
        self.params = params
        self.printed: set[str] = set()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        if "eval_primary" in (logs or {}) or state.global_step % EVERY == 0:
            judged = health_rules.judge(state.log_history, self.facts, self.params, LIVE)
            self.print_red_flags(judged, f"epoch {state.epoch:g}: ")

    def print_red_flags(self, judged: Mapping[str, Any], prefix: str = "") -> None:
        """Prints the red flags that have not been printed before.

        Args:
            judged: the result of `judge`.
        """
        for name, result in judged["rules"].items():
            if result["status"] == "red_flag" and name not in self.printed:
                tqdm.write(f"{prefix}red flag {name}: {result['message']}")  # above the progress bar, if there is one
                self.printed.add(name)

"""Trainer callbacks that watch a training: what it costs per epoch, and red flags as they come up."""

import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from src.core.config import HealthParams
from src.models import hardware
from src.training import health_rules
from src.training.health_rules import Facts

LIVE = ("loss_ratio", "loss_trend", "gradient_norm")  # what a history that is not whole says something of
EVERY = 100  # steps between two looks at it, which take longer the longer it is; each evaluation is one, too


class CostCallback(TrainerCallback):
    """Puts rows per second and peak memory of each epoch into the history, and so into the state for resuming.

    They are no log: DVCLive's files, which equal runs have in common, are without them.
    """

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.begun = time.perf_counter()

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, train_dataloader: Any, **_: Any
    ) -> None:
        seconds = time.perf_counter() - self.begun
        costs = {
            "samples_per_second": round(len(train_dataloader.dataset) / seconds, 3),
            "peak_memory_mib": hardware.peak_memory_mib(args.device),  # of the process so far
        }
        state.log_history.append({**costs, "epoch": state.epoch, "step": state.global_step})


class HealthCallback(TrainerCallback):
    """Prints a line for each rule that raises a red flag, once.

    It stops nothing, whatever train.health.fail_on: a rise may mend, and the weights of the best epoch may be sound. A
    loss that is no number stops training in `fit`, where it comes up; all else is judged when the history is whole.
    """

    def __init__(self, facts: Facts, params: HealthParams) -> None:
        self.facts = facts
        self.params = params
        self.told: set[str] = set()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        if "eval_primary" in (logs or {}) or state.global_step % EVERY == 0:
            self.tell(health_rules.judge(state.log_history, self.facts, self.params, LIVE), f"epoch {state.epoch:g}: ")

    def tell(self, judged: Mapping[str, Any], when: str = "") -> None:
        """Prints the red flags that have not been printed before.

        Args:
            judged: what `judge` returns.
        """
        for name, found in judged["rules"].items():
            if found["status"] == "red_flag" and name not in self.told:
                tqdm.write(f"{when}red flag {name}: {found['message']}")  # above the progress bar, if there is one
                self.told.add(name)

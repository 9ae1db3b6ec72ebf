"""transformers' Trainer for the tasks of a checkpoint: losses, recovery from lack of memory, validation after an epoch.

The best epoch has the highest mean of the tasks' primary metrics on validation, computed by `predict` and `score` as on
the test splits. Settings that a task calibrates on validation (a threshold) are calibrated after every epoch, before
its score is computed: the saved model has the same score.
"""

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from src.core.config import TrainParams
from src.core.user_errors import UserError, is_out_of_memory
from src.models import hardware
from src.models.batches import TOO_LARGE, Encoded, parts_of
from src.models.checkpoint import Checkpoint
from src.models.inference import Logits, calibrate, decode, run
from src.tasks import validation_scores
from src.tasks.loss import amount
from src.tasks.task import Task
from src.training.transformers_internals import TrainerInOrder


class DivergedError(UserError):
    """The loss is NaN or infinite; `history` is the log of the run up to this loss."""

    def __init__(self, reason: str, history: list[dict[str, float]]) -> None:
        super().__init__(f"training diverged: {reason}; lower train.learning_rate or train.max_grad_norm")
        self.history = history


class _Step:
    """The data to restart an optimizer step: its batches so far, and the initial state of the random generators."""

    def __init__(self, number: int, parts: int = 1) -> None:
        self.number = number
        self.parts = parts
        self.batches: list[Any] = []
        self.random = (torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [])

    def restore_random(self) -> None:
        cpu, gpus = self.random
        torch.set_rng_state(cpu)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)


class TasksTrainer(TrainerInOrder):
    """Trainer with the losses of the tasks, and with `predict` and `score` for evaluation."""

    loss_is_scaled_for_ga = False  # the loss is a mean over its batch: Trainer divides by the accumulated batches

    def __init__(
        self,
        checkpoint: Checkpoint,
        validation: Encoded,
        params: TrainParams,
        class_weights: Mapping[str, torch.Tensor],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.checkpoint = checkpoint
        self.validation = validation
        self.params = params
        self.class_weights = class_weights
        self.step = _Step(-1)
        self.clock = time.perf_counter()  # when the last epoch ended

    @property
    def seconds(self) -> float:
        """Training time. The history, and therefore the resume state, contains the time of each epoch."""
        epochs = sum(entry.get("epoch_runtime", 0.0) for entry in self.state.log_history)
        return epochs + time.perf_counter() - self.clock

    @property
    def parts(self) -> int:
        """Number of parts of a batch since memory ran out; from the history, so a resumed run uses it, too."""
        return next((int(e["micro_batches"]) for e in reversed(self.state.log_history) if "micro_batches" in e), 1)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Stops before a NaN or infinite loss changes the weights; Trainer reads the loss of every step anyway."""
        loss = self._within_memory(model, inputs)
        if not torch.isfinite(loss):
            step = self.state.global_step + 1
            history = [*self.state.log_history, {"loss": loss.item(), "step": step}]
            raise DivergedError(f"the loss is {loss.item()} at step {step}", history)
        return loss

    def _within_memory(self, model: Any, inputs: Any) -> torch.Tensor:
        """Adds up the gradients of a batch. If memory runs out, splits all batches from this step on.

        The optimizer step then restarts with the same random numbers, so the result is the same as if its batches had
        been split from its start.
        """
        if self.step.number != self.state.global_step:
            parts = self.parts if self.step.number < 0 else self.step.parts
            self.step = _Step(self.state.global_step, parts)
        self.step.batches.append(inputs)
        batches = [inputs]
        while True:
            try:
                return [self._gradients(model, batch) for batch in batches][-1]
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self._cut_smaller()
            model.zero_grad()
            self.step.restore_random()
            batches = self.step.batches

    def _cut_smaller(self) -> None:
        if self.step.parts >= self.args.per_device_train_batch_size:
            raise UserError(TOO_LARGE)
        self.step.parts *= 2
        self.log({"micro_batches": self.step.parts})
        hardware.free_memory()

    def _gradients(self, model: Any, inputs: Any) -> torch.Tensor:
        model.train()
        total = torch.zeros((), device=self.args.device)
        for part in parts_of(inputs, -(-len(inputs["input_ids"]) // self.step.parts)):
            with self.compute_loss_context_manager():
                loss = self.loss_of_part(model, part, inputs["targets"])
            loss = loss / self.current_gradient_accumulation_steps
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def loss_of_part(
        self, model: torch.nn.Module, part: Mapping[str, Any], whole: Mapping[str, torch.Tensor]
    ) -> torch.Tensor:
        """Returns the contribution of a part to the mean loss of its batch, whose targets are `whole`."""
        targets = part["targets"]
        logits = self.checkpoint.logits({name: values for name, values in part.items() if name != "targets"}, model)
        loss = torch.zeros((), device=self.args.device)
        for task in self.checkpoint.tasks:
            total = self._amount(task, whole[task.name]).clamp(min=torch.finfo(torch.float32).tiny)  # 0 without targets
            share = self._amount(task, targets[task.name]) / total
            loss = loss + self._loss(task, logits[task.name], targets[task.name]) * share
        return loss

    def _loss(self, task: Task, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        loss = task.loss(
            logits,
            targets,
            class_weights=self._weights(task, targets),
            label_smoothing=self.params.label_smoothing,
            focal_gamma=self.params.focal_gamma,
        )
        return self.params.task_weights.get(task.name, 1.0) * loss

    def _amount(self, task: Task, targets: torch.Tensor) -> torch.Tensor:
        return amount(targets, self._weights(task, targets))

    def _weights(self, task: Task, targets: torch.Tensor) -> torch.Tensor | None:
        weights = self.class_weights.get(task.name)
        return None if weights is None else weights.to(targets.device)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        logits = run(self.checkpoint, self.validation, self.args.per_device_eval_batch_size)
        loss = self._validation_loss(logits)
        if not math.isfinite(loss):
            history = [*self.state.log_history, {"eval_loss": loss, "step": self.state.global_step}]
            raise DivergedError(f"the validation loss is {loss} after epoch {self.state.epoch:g}", history)
        settings = calibrate(self.checkpoint, self.validation, logits)
        scores = validation_scores(self.checkpoint.tasks, decode(self.checkpoint, self.validation, logits))
        metrics = {"eval_loss": loss} | {f"eval_{name}": value for name, value in (scores | settings).items()}
        now = time.perf_counter()
        self.log({**metrics, "epoch_runtime": now - self.clock})
        self.clock = now
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)  # type: ignore[has-type]
        return metrics

    def _validation_loss(self, logits: Logits) -> float:
        """The mean loss over all validation targets.

        The loss of evidence is over the positions of each window without padding; in training, padding is included.
        """
        loss = 0.0
        for task in self.checkpoint.tasks:
            losses, amounts = [], []
            for row, row_logits in zip(self.eval_dataset, logits[task.name], strict=True):
                unpadded = row_logits if task.pooled else row_logits[: row["length"]]
                targets = torch.tensor(row[task.name])[None]
                amounts.append(self._amount(task, targets).item())
                losses.append(self._loss(task, torch.tensor(unpadded)[None], targets).item())
            loss += float(np.average(losses, weights=amounts))
        return loss

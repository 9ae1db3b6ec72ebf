"""The one way to train: transformers' Trainer over the tasks of a checkpoint, the best epoch kept.

Models are chosen by the mean of the tasks' primary metrics on validation, which `predict` and `score` compute as they
do for the test splits. What a task leaves for validation to choose (a threshold) is chosen anew after every epoch, and
the epoch is scored with it: that is what its saved model would score.
"""

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from transformers import PrinterCallback, ProgressCallback, TrainerCallback, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from src.config import TrainParams
from src.errors import UserError
from src.modeling import hardware, state, vocabulary
from src.modeling.batches import Collator, Encoded, LikeLengths, features, parts_of
from src.modeling.callbacks import EarlyStopping, Progress
from src.modeling.checkpoint import Checkpoint
from src.modeling.matcher import Matcher
from src.modeling.predict import calibrate, decode, run
from src.records import Example
from src.tasks import validation_scores
from src.tasks.loss import IGNORED

OURS = ("eval_", "save_", "logging_", "max_steps", "warmup_", "label_smoothing", "resume_from")  # or without effect


@dataclass(frozen=True)
class Fit:
    """What training did; the checkpoint itself now holds the best epoch's weights.

    Attributes:
        primary: best validation score, the mean of the tasks' primary metrics.
        epoch: the epoch that reached it.
        scores: {metric: score} of that epoch, and the settings that were chosen for it.
        seconds: of this process and of those that it goes on from; what they did after their last state is not known.
        samples_per_second: rows that were learnt from in these seconds, which evaluations are part of.
        history: the log of the run: one entry per optimizer step and one per evaluation.
        micro_batch_size: rows that went through the model at once; fewer than the batch has where memory ran out.
        gradient_accumulation_steps: of these per optimizer step.
    """

    primary: float
    epoch: float
    scores: Mapping[str, float]
    steps: int
    seconds: float
    samples_per_second: float
    history: list[dict[str, float]]
    micro_batch_size: int
    gradient_accumulation_steps: int


def fit(
    checkpoint: Checkpoint,
    train: Encoded,
    validation: Encoded,
    params: TrainParams,
    *,
    learning_rate: float,
    seed: int,
    state_folder: Path | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> Fit:
    """Trains a checkpoint in place, up to the weights of its best epoch.

    Args:
        learning_rate: peak learning rate.
        state_folder: where the state for resuming is kept; a run that finds one there goes on from its last epoch.
            None: nothing is kept, and the checkpoint is left with the last epoch's weights, not the best.

    Raises:
        UserError: parameters that cannot work in this run.
        DivergedError: a loss that is no number.
    """
    check(checkpoint, validation.examples, params)
    setup = hardware.choose(params)
    hardware.apply(setup)
    arguments = _arguments(params, setup, checkpoint.precision, learning_rate, seed, state_folder)
    rows = features(checkpoint, train)
    stopping = EarlyStopping(params.early_stopping_patience) if params.early_stopping_patience else None
    trainer = _Trainer(
        checkpoint,
        validation,
        params,
        class_weights=_class_weights(checkpoint, rows) if params.class_weights else {},
        model=checkpoint.model,
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        eval_dataset=datasets.Dataset.from_list(features(checkpoint, validation)),
        data_collator=Collator(checkpoint.tokenizer, list(checkpoint.labels)),
        processing_class=checkpoint.tokenizer,
        callbacks=[*callbacks, *([stopping] if stopping else [])],
    )
    progress = Progress()
    if arguments.disable_tqdm:
        trainer.remove_callback(PrinterCallback)  # Trainer's choice where there is no bar: a line per step
    else:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(progress)
    last = state.last(state_folder) if state_folder else None
    if last and stopping and stopping.is_over(before := TrainerState.load_from_json(str(last / TRAINER_STATE_NAME))):
        arguments.num_train_epochs = before.epoch  # it was killed between its last epoch and its end
    alike = arguments.optim in vocabulary.ELEMENTWISE
    try:
        with vocabulary.trimmed(checkpoint, (train, validation)) if alike else nullcontext():
            trainer.train(resume_from_checkpoint=str(last) if last else None)
    finally:
        progress.close()
    best = next(entry for entry in trainer.state.log_history if entry.get("eval_primary") == trainer.state.best_metric)
    scores = {name.removeprefix("eval_"): value for name, value in best.items() if name.startswith("eval_")}
    if state_folder:  # the weights are those of the best epoch, and so must be what was chosen for them
        checkpoint.settings.update({name: scores[name] for name in checkpoint.settings if name in scores})
    seconds = trainer.seconds
    return Fit(
        primary=trainer.state.best_metric or 0.0,
        epoch=best["epoch"],
        scores=scores,
        steps=trainer.state.global_step,
        seconds=seconds,
        samples_per_second=len(rows) * (trainer.state.epoch or 0.0) / seconds,
        history=trainer.state.log_history,
        micro_batch_size=-(-params.batch_size // trainer.parts),
        gradient_accumulation_steps=params.gradient_accumulation_steps * trainer.parts,
    )


def check(checkpoint: Checkpoint | Matcher, validation: Sequence[Example], params: TrainParams) -> None:
    """Refuses what cannot work, before anything is written.

    Raises:
        UserError: a parameter that contradicts the tasks or the machine, or a validation split that scores nothing.
    """
    for name in params.task_weights:
        if name not in checkpoint.labels:
            raise UserError(
                f"train.task_weights names '{name}', which task: {'+'.join(checkpoint.labels)} does not have"
            )
    chosen = "+".join(checkpoint.labels)
    for key in ("class_weights", "label_smoothing", "focal_gamma"):
        if getattr(params, key) and not any(task.labelled for task in checkpoint.tasks):
            raise UserError(
                f"train.{key} weighs the loss of labels, and task: {chosen} has none; take it back, or add a task: cls"
            )
    for key in ("pooling", "separate_encoders"):
        if getattr(params, key) and not (len(checkpoint.tasks) > 1 and any(task.pooled for task in checkpoint.tasks)):
            raise UserError(
                f"train.{key} is for a joint model with cls, which task: {chosen} is not; take it back, "
                "or choose such as task: cls+span"
            )
    for task in checkpoint.tasks:
        if not task.labels(validation, checkpoint.labels[task.name]):
            raise UserError(
                f"the validation split has no targets for task '{task.name}', so no epoch could be chosen as the best; "
                "give it rows: prepare.validation_fraction"
            )
    if isinstance(checkpoint, Checkpoint):
        _arguments(params, hardware.choose(params), checkpoint.precision, learning_rate=0.0, seed=0, folder=None)


def _arguments(
    params: TrainParams, setup: hardware.Setup, precision: str, learning_rate: float, seed: int, folder: Path | None
) -> TrainingArguments:
    ours: dict[str, Any] = {
        "output_dir": str(folder) if folder else tempfile.gettempdir(),  # where nothing is kept, none is written
        "seed": seed,
        "data_seed": seed,
        "learning_rate": learning_rate,
        "per_device_train_batch_size": params.batch_size,
        "per_device_eval_batch_size": params.batch_size,
        "num_train_epochs": params.epochs,
        "warmup_steps": params.warmup_ratio,  # below 1 it is a share of the steps
        "weight_decay": params.weight_decay,
        "gradient_accumulation_steps": params.gradient_accumulation_steps,
        "lr_scheduler_type": params.lr_scheduler,
        "max_grad_norm": params.max_grad_norm,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": setup.device == "cpu",
        "dataloader_num_workers": setup.loader_workers,
        "dataloader_pin_memory": setup.pin_memory,
        "train_sampling_strategy": "group_by_length",
        "remove_unused_columns": False,
        "logging_steps": 1,
        "eval_strategy": "epoch",
        "save_strategy": "epoch" if folder else "no",
        "save_total_limit": 1,
        "load_best_model_at_end": folder is not None,
        "metric_for_best_model": "primary",
        "greater_is_better": True,
        "report_to": [],
    }
    for name in params.trainer:
        if name in ours or name.startswith(OURS):
            raise UserError(f"train.trainer.{name} is set by the pipeline; use the keys of train for it")
    try:
        return TrainingArguments(**ours, **params.trainer)
    except (TypeError, ValueError) as error:
        raise UserError(f"train.trainer: {error}") from error


def _class_weights(checkpoint: Checkpoint, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Returns rows / (labels * rows of the label) for each label of each task of labels; 1 for one without rows.

    A row is an input of the model: a text that is read in windows counts as often as the loss sees it.

    Source: scikit-learn's `balanced`.
    """
    weights = {}
    for name in (task.name for task in checkpoint.tasks if task.labelled):
        labels = checkpoint.labels[name]
        targets = np.concatenate([np.atleast_1d(row[name]) for row in rows])
        counts = np.bincount(targets[targets != IGNORED], minlength=len(labels))
        balanced = counts.sum() / (len(labels) * np.maximum(counts, 1))
        weights[name] = torch.tensor(np.where(counts > 0, balanced, 1.0), dtype=torch.float32)
    return weights


class DivergedError(UserError):
    """A loss that is no number; `history` is that of the run up to it."""

    def __init__(self, what: str, history: list[dict[str, float]]) -> None:
        super().__init__(f"training diverged: {what}; lower train.learning_rate or train.max_grad_norm")
        self.history = history


class _Step:
    """What an optimizer step needs to be begun anew: its batches so far, and the random numbers it began with."""

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


class _Trainer(transformers.Trainer):
    """Trainer with the tasks' own losses, and with `predict` and `score` for evaluation."""

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
        self.class_weights = {name: weights.to(self.args.device) for name, weights in class_weights.items()}
        self.step = _Step(-1)
        self.clock = time.perf_counter()  # when the last epoch ended

    @property
    def seconds(self) -> float:
        """How long training has taken; epochs are kept in the history, and so in the resume state."""
        epochs = sum(entry.get("epoch_runtime", 0.0) for entry in self.state.log_history)
        return epochs + time.perf_counter() - self.clock

    @property
    def parts(self) -> int:
        """Into how many parts a batch is cut since memory ran out; kept in the history, and so in the resume state."""
        return next((int(e["micro_batches"]) for e in reversed(self.state.log_history) if "micro_batches" in e), 1)

    def _get_train_sampler(self, train_dataset: Any = None) -> LikeLengths:
        theirs = super()._get_train_sampler(train_dataset)
        return LikeLengths(theirs.batch_size, lengths=theirs.lengths, generator=theirs.generator)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Stops before a loss that is no number reaches the weights; Trainer reads the loss of every step anyway."""
        loss = self._within_memory(model, inputs)
        if not torch.isfinite(loss):
            step = self.state.global_step + 1
            history = [*self.state.log_history, {"loss": loss.item(), "step": step}]
            raise DivergedError(f"the loss is {loss.item()} at step {step}", history)
        return loss

    def _within_memory(self, model: Any, inputs: Any) -> torch.Tensor:
        """Adds up the gradients of a batch; where memory runs out, of smaller parts of it, from here on.

        The optimizer step is begun anew then, with the random numbers that it began with: it does what it would have
        done with parts of that size from its start.
        """
        if self.step.number != self.state.global_step:
            parts = self.parts if self.step.number < 0 else self.step.parts
            self.step = _Step(self.state.global_step, parts)
        self.step.batches.append(inputs)
        todo = [inputs]
        while True:
            try:
                return [self._gradients(model, batch) for batch in todo][-1]
            except RuntimeError as error:
                if not hardware.is_out_of_memory(error):
                    raise
            self._cut_smaller()
            model.zero_grad()
            self.step.restore_random()
            todo = self.step.batches

    def _cut_smaller(self) -> None:
        if self.step.parts >= self.args.per_device_train_batch_size:
            raise UserError("memory ran out with one row at a time; lower train.max_length, or choose a smaller model")
        self.step.parts *= 2
        self.log({"micro_batches": self.step.parts})
        hardware.free_memory()

    def _gradients(self, model: Any, inputs: Any) -> torch.Tensor:
        model.train()
        whole = self._prepare_inputs(inputs)
        rows = len(whole["input_ids"])
        total = torch.zeros((), device=self.args.device)
        for part in parts_of(whole, -(-rows // self.step.parts)):
            with self.compute_loss_context_manager():
                loss = self.compute_loss(model, part)
            loss = loss.mean() * (len(part["input_ids"]) / rows) / self.current_gradient_accumulation_steps
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        targets = inputs["targets"]
        logits = self.checkpoint.logits({name: value for name, value in inputs.items() if name != "targets"}, model)
        loss = sum(
            self.params.task_weights.get(task.name, 1.0)
            * task.loss(
                logits[task.name],
                targets[task.name],
                class_weights=self.class_weights.get(task.name),
                label_smoothing=self.params.label_smoothing,
                focal_gamma=self.params.focal_gamma,
            )
            for task in self.checkpoint.tasks
        )
        return (loss, logits) if return_outputs else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        loss = self._validation_loss()
        if not math.isfinite(loss):
            history = [*self.state.log_history, {"eval_loss": loss, "step": self.state.global_step}]
            raise DivergedError(f"the validation loss is {loss} after epoch {self.state.epoch:g}", history)
        logits = run(self.checkpoint, self.validation, self.args.per_device_eval_batch_size)
        chosen = calibrate(self.checkpoint, self.validation, logits)
        scores = validation_scores(self.checkpoint.tasks, decode(self.checkpoint, self.validation, logits))
        metrics = {"eval_loss": loss} | {f"eval_{name}": value for name, value in (scores | chosen).items()}
        now = time.perf_counter()
        self.log({**metrics, "epoch_runtime": now - self.clock})
        self.clock = now
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)  # type: ignore[has-type]
        return metrics

    @torch.no_grad()
    def _validation_loss(self) -> float:
        self.model.eval()
        losses, rows = 0.0, 0
        for batch in self.get_eval_dataloader():
            inputs = self._prepare_inputs(batch)
            size = len(inputs["input_ids"])
            losses += self.compute_loss(self.model, inputs).item() * size
            rows += size
        self.model.train()
        return losses / rows

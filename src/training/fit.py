"""Training: sets up transformers' Trainer from the parameters, runs it, and keeps the weights of the best epoch."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.integrations import get_available_reporting_integrations

from src.core.config import TrainParams
from src.core.records import Example
from src.core.user_errors import UserError, unknown_name
from src.models import hardware
from src.models.batches import Collator, Encoded, features
from src.models.checkpoint import Checkpoint
from src.models.interface import Model
from src.tasks.loss import IGNORED
from src.training import dropout, resume_state, trimmed_embeddings
from src.training.callbacks import Progress
from src.training.trainer import TasksTrainer
from src.training.transformers_internals import TRAINER_STATE_NAME

RESERVED = (  # the pipeline sets these arguments, or they have no effect
    "eval_", "save_", "logging_", "max_steps", "warmup_", "label_smoothing", "resume_from", "tf32", "full_determinism",
    "auto_find_batch_size",
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """The result of training.

    Attributes:
        primary: best validation score, the mean of the tasks' primary metrics.
        epoch: the epoch with this score.
        scores: {metric: score} of this epoch, and the settings that were calibrated for it.
        seconds: training time, including interrupted processes up to their last state.
        samples_per_second: training rows per second of this time, which includes evaluations.
        history: the log of the run: one entry per optimizer step and one per evaluation.
        micro_batch_size: rows per forward pass; smaller than the batch if memory ran out.
        gradient_accumulation_steps: micro-batches per optimizer step.
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
    """Trains a checkpoint in place and gives it the weights of the best epoch.

    Args:
        learning_rate: peak learning rate.
        state_folder: folder of the resume state; if it has a state, training continues from its last epoch. None: no
            state is saved, and the checkpoint has the weights of the last epoch, not of the best.

    Raises:
        UserError: parameters that cannot work in this run.
        DivergedError: the loss is NaN or infinite.
    """
    check(checkpoint, validation.examples, params)
    arguments = _arguments(params, checkpoint.precision, learning_rate, seed, state_folder)
    hardware.prepare(params)  # after TrainingArguments, which changes the same torch settings
    rows = features(checkpoint, train)
    patience = params.early_stopping_patience
    trainer = TasksTrainer(
        checkpoint,
        validation,
        params,
        class_weights=_class_weights(checkpoint, rows) if params.class_weights else {},
        model=checkpoint.model,
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        eval_dataset=features(checkpoint, validation),
        data_collator=Collator(checkpoint.tokenizer, list(checkpoint.labels)),
        processing_class=checkpoint.tokenizer,
        callbacks=[*callbacks, *([EarlyStoppingCallback(patience)] if patience else [])],
    )
    progress = Progress(checkpoint.tasks[0].primary_metric if len(checkpoint.tasks) == 1 else "primary")
    trainer.remove_callback(PrinterCallback if arguments.disable_tqdm else ProgressCallback)  # a line per step
    if not arguments.disable_tqdm:
        trainer.add_callback(progress)
    last = resume_state.last(state_folder) if state_folder else None
    if last:
        before = TrainerState.load_from_json(str(last / TRAINER_STATE_NAME))
        if before.stateful_callbacks["TrainerControl"]["args"]["should_training_stop"]:
            arguments.num_train_epochs = before.epoch  # killed after its last epoch: do not train another epoch
    elementwise = arguments.optim in trimmed_embeddings.ELEMENTWISE
    try:
        with (
            dropout.quick(checkpoint.model),
            trimmed_embeddings.trimmed(checkpoint, (train, validation)) if elementwise else nullcontext(),
        ):
            trainer.train(resume_from_checkpoint=str(last) if last else None)
    finally:
        progress.close()
    best = next(entry for entry in trainer.state.log_history if entry.get("eval_primary") == trainer.state.best_metric)
    scores = {name.removeprefix("eval_"): value for name, value in best.items() if name.startswith("eval_")}
    if state_folder:  # the weights are of the best epoch, so the calibrated settings must be, too
        checkpoint.settings.update({name: scores[name] for name in checkpoint.settings if name in scores})
    seconds = trainer.seconds
    micro_batch_size = -(-params.batch_size // trainer.parts)
    return Fit(
        primary=trainer.state.best_metric or 0.0,
        epoch=best["epoch"],
        scores=scores,
        steps=trainer.state.global_step,
        seconds=seconds,
        samples_per_second=len(rows) * (trainer.state.epoch or 0.0) / seconds,
        history=trainer.state.log_history,
        micro_batch_size=micro_batch_size,
        gradient_accumulation_steps=params.gradient_accumulation_steps * -(-params.batch_size // micro_batch_size),
    )


def check(model: Model, validation: Sequence[Example], params: TrainParams) -> None:
    """Checks the parameters before anything is written.

    Raises:
        UserError: a parameter contradicts the tasks or the machine, or the validation split has no targets.
    """
    run_tasks = "+".join(model.labels)
    for name in params.task_weights:
        if name not in model.labels:
            raise UserError(
                f"train.task_weights names '{name}', but the run has only task: {run_tasks}; remove the key '{name}'"
            )
    cores = os.cpu_count() or 1
    if (params.loader_workers or 0) > cores:
        raise UserError(
            f"train.loader_workers: {params.loader_workers} is more than the {cores} cores of this machine; lower it"
        )
    for key in ("class_weights", "label_smoothing", "focal_gamma"):
        if getattr(params, key) and not any(task.labelled for task in model.tasks):
            raise UserError(
                f"train.{key} changes the loss of labels, but task: {run_tasks} has no labels; remove train.{key}, or "
                "add a task with labels, for example cls"
            )
    for key in ("pooling", "separate_encoders"):
        if getattr(params, key) and not (len(model.tasks) > 1 and any(task.pooled for task in model.tasks)):
            raise UserError(
                f"train.{key} needs a joint model with cls, but task: {run_tasks} is not joint or lacks cls; "
                f"remove train.{key}, or set a joint task, for example task: cls+span"
            )
    for task in model.tasks:
        if not task.labels(validation, model.labels[task.name]):
            raise UserError(
                f"the validation split has no targets for task '{task.name}', so the best epoch cannot be chosen; "
                "raise prepare.validation_fraction"
            )
    if model.weights:
        _arguments(params, model.precision, learning_rate=0.0, seed=0, folder=None)


class _OnOneDevice(TrainingArguments):
    """Uses one GPU. On several GPUs, Trainer would multiply the batch size by their number without recording it."""

    @property
    def n_gpu(self) -> int:
        return min(super().n_gpu, 1)


def _arguments(
    params: TrainParams, precision: str, learning_rate: float, seed: int, folder: Path | None
) -> TrainingArguments:
    setup = hardware.choose(params)
    fixed: dict[str, Any] = {
        "output_dir": str(folder) if folder else tempfile.gettempdir(),  # nothing is written if `folder` is None
        "seed": seed,
        "data_seed": seed,
        "learning_rate": learning_rate,
        "per_device_train_batch_size": params.batch_size,
        "per_device_eval_batch_size": params.batch_size,
        "num_train_epochs": params.epochs,
        "warmup_steps": params.warmup_ratio,  # a value below 1 is a share of the steps
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
        "restore_callback_states_from_checkpoint": True,  # a resumed run continues to count patience
        "metric_for_best_model": "primary",
        "greater_is_better": True,
    }
    for name in params.trainer:
        if name in fixed or name.startswith(RESERVED):
            raise UserError(f"train.trainer.{name} is set by the pipeline; remove it, and use the other keys of train")
    try:
        arguments = _OnOneDevice(**fixed, **params.trainer | {"report_to": params.trainer.get("report_to") or []})
    except (TypeError, ValueError) as error:
        raise UserError(f"train.trainer: {error}") from error
    available = get_available_reporting_integrations() if arguments.report_to else []
    for name in arguments.report_to:
        if name not in available:
            raise unknown_name("or not installed reporter in train.trainer.report_to:", name, available)
    # LiveCallback logs to DVCLive; without a folder, for example in a trial, other reporters are off
    arguments.report_to = [name for name in arguments.report_to if name != "dvclive" and folder]
    return arguments


def _class_weights(checkpoint: Checkpoint, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Returns rows / (labels * rows of the label) for each label of each task with labels; 1 for labels without rows.

    A row is an input of the model: each window of a text counts.

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

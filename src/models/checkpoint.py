"""Creates, saves and loads a checkpoint: a model with its tokenizer, its tasks and their labels."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from src.core.config import TrainParams
from src.core.files import read_json
from src.core.records import Example, Prediction
from src.core.user_errors import UserError
from src.models import hardware, inference, matcher, tiny
from src.models.batches import encode
from src.models.encoders import Encoder
from src.models.interface import Model
from src.models.joint import JointConfig, JointModel
from src.models.loading import check_vocabulary, origin_of, pretrained
from src.models.verbalizer import Verbalizer
from src.tasks import TASKS, parse
from src.tasks.task import Task

CUSTOM_CLASSES: dict[str, type[PreTrainedModel]] = {"joint": JointModel, "verbalizer": Verbalizer}  # by model_type


@dataclass(frozen=True)
class Checkpoint:
    """A model that can be trained, saved and used for predictions.

    Attributes:
        labels: {task: its label set, in the order of the logits}.
        max_length: sub-words per input; a longer input is cut or read in windows.
        settings: {name: value} of the settings of its tasks.
        precision: fp32, bf16 or fp16, in training and in every prediction.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    labels: Mapping[str, Sequence[str]]
    max_length: int
    settings: dict[str, float] = field(default_factory=dict)
    precision: str = "fp32"

    @property
    def tasks(self) -> list[Task]:
        return [TASKS[name] for name in self.labels]

    @property
    def stride(self) -> int | None:
        """Sub-words that neighbouring windows of a long text share; None: a long text is cut."""
        return int(self.settings["stride"]) if any(task.windowed for task in self.tasks) else None

    def logits(
        self, inputs: Mapping[str, torch.Tensor], model: torch.nn.Module | None = None
    ) -> dict[str, torch.Tensor]:
        """Runs the model, or a wrapped version of it.

        Shape: inputs (B, T); values as the logits of each task.
        """
        output = (self.model if model is None else model)(**inputs)  # not `or`: a compiled model has no truth value
        per_task = type(output) is dict  # a CUSTOM_CLASSES model; transformers returns objects
        return output if per_task else {task.name: task.logits(output) for task in self.tasks}

    @property
    def weights(self) -> int:
        return self.model.num_parameters()

    @property
    def is_plain(self) -> bool:
        return type(self.model) not in CUSTOM_CLASSES.values()

    @property
    def summary(self) -> str:
        return f"{type(self.model).__name__}, {'+'.join(self.labels)}, {self.weights:,} weights, {self.precision}"

    def to(self, device: str) -> None:
        self.model.to(device, hardware.dtype(self.precision, torch.device(device)))

    def predict(self, examples: Sequence[Example], batch_size: int) -> list[Prediction]:
        encoded = encode(self, examples)
        return inference.decode(self, encoded, inference.run(self, encoded, batch_size))

    def outputs(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Returns the logits of every window, task after task."""
        logits = inference.run(self, encode(self, examples), len(examples))
        return [window for windows in logits.values() for window in windows]

    def tensors(self) -> dict[str, torch.Tensor]:
        return dict(self.model.state_dict())

    def save(self, folder: Path) -> None:
        """Saves weights, configuration and tokenizer. With one task, the folder is a plain transformers checkpoint."""
        self.model.config.task = "+".join(self.labels)
        if self.settings:
            self.model.config.task_settings = dict(self.settings)
        if self.precision != "fp32":
            self.model.config.inference_precision = self.precision
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def create(
    encoder: Encoder,
    labels: Mapping[str, Sequence[str]],
    train: Sequence[Example],
    params: TrainParams,
) -> Checkpoint:
    """Adds new heads to an encoder. Their weights come from the random state of torch.

    Args:
        train: the training texts for the tokenizer of `tiny`; unused for other encoders.

    Raises:
        UserError: the encoder cannot be found or loaded, a task needs a fast tokenizer and the encoder has none, or
            train.max_length is longer than the encoder allows.
    """
    tasks = [TASKS[name] for name in labels]
    if encoder.source is None:
        tokenizer = tiny.tokenizer(train)
        config = tiny.config(tokenizer)
        origin: dict[str, Any] = {}
    else:
        origin = origin_of(params.trust_remote_code, params.revision)
        config = pretrained(AutoConfig, encoder.source, origin)
        tokenizer = pretrained(AutoTokenizer, encoder.source, origin)
    _check(encoder, tokenizer, config, tasks)
    check_vocabulary(encoder.source, tokenizer, config)
    if len(labels) == 1:
        model = _single(encoder, config, labels, origin)
    else:
        model = _joint(encoder, config, labels, origin, params)
    max_length = params.max_length
    if max_length > positions(model):
        raise UserError(f"train.max_length: {max_length} is too long; the encoder has {positions(model)} positions")
    tokenizer.model_max_length = max_length
    settings = {name: getattr(params, name, default) for name, default in _settings(tasks).items()}
    return Checkpoint(model, tokenizer, labels, max_length, settings, hardware.precision(params, model))


def _settings(tasks: Sequence[Task]) -> dict[str, float]:
    return {name: default for task in tasks for name, default in task.settings.items()}


def _check(
    encoder: Encoder, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, tasks: Sequence[Task]
) -> None:
    for task in tasks:
        if not task.pooled and not tokenizer.is_fast:
            raise UserError(
                f"task '{task.name}' needs a fast tokenizer, which gives the characters of each sub-word; the "
                f"tokenizer of '{encoder.source}' ({type(tokenizer).__name__}) is slow; set another model, or task: cls"
            )
        if task.windowed and tokenizer("a")["input_ids"][0] != tokenizer.cls_token_id:
            raise UserError(
                f"task '{task.name}' needs inputs that begin with a token for no answer, such as [CLS]; the inputs of "
                f"'{encoder.source}' do not; set another model, or task: cls"
            )
    if config.model_type in CUSTOM_CLASSES:
        raise UserError(
            f"the model in {encoder.source} is a {config.model_type} model of this project, which cannot be fine-tuned "
            "again; set model to its encoder"
        )


def positions(model: PreTrainedModel) -> int:
    """The longest input of a model in sub-words. Models like RoBERTa do not use their first positions."""
    tables = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    sizes = [
        table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        for table in tables
        if isinstance(table, torch.nn.Embedding)
    ]
    return min(sizes, default=getattr(model.config, "max_position_embeddings", None) or sys.maxsize)


def _single(
    encoder: Encoder, config: PretrainedConfig, labels: Mapping[str, Sequence[str]], origin: Mapping[str, Any]
) -> PreTrainedModel:
    ((name, names),) = labels.items()
    auto_class = getattr(transformers, TASKS[name].auto_class)
    config.id2label = dict(enumerate(names))
    config.label2id = {label: i for i, label in enumerate(names)}
    config.problem_type = None  # it may be set from an earlier fine-tuning
    if encoder.source is None:
        return auto_class.from_config(config, dtype=torch.float32)
    options = {"config": config, "dtype": torch.float32, "ignore_mismatched_sizes": True}
    return pretrained(auto_class, encoder.source, origin, **options)


def _joint(
    encoder: Encoder,
    config: PretrainedConfig,
    labels: Mapping[str, Sequence[str]],
    origin: Mapping[str, Any],
    params: TrainParams,
) -> PreTrainedModel:
    joint = JointConfig(
        config.to_dict(),
        list(labels.items()),
        pooling=params.pooling or "first",
        separate_encoders=params.separate_encoders,
    )
    try:
        model = JointModel(joint)
    except ValueError as error:
        raise UserError(f"task {'+'.join(labels)} needs an encoder that is part of transformers: {error}") from error
    if encoder.source is not None:
        model.encoder = pretrained(AutoModel, encoder.source, origin, dtype=torch.float32)
        for name in model.encoders:
            model.encoders[name] = copy.deepcopy(model.encoder)
    return model


def load(folder: Path, *, trust_remote_code: bool = False) -> Model:
    """Loads a saved model: a model of this project, or a transformers checkpoint with the class of a task.

    Raises:
        UserError: the folder has no model, weights are missing, or no task uses the class of the model.
    """
    if (folder / matcher.FILE).is_file():
        return matcher.load(folder)
    return load_checkpoint(folder, trust_remote_code=trust_remote_code)


def load_checkpoint(
    folder: Path, *, trust_remote_code: bool = False, weights: str | None = None, revision: str | None = None
) -> Checkpoint:
    """Loads a model with weights.

    Args:
        weights: for a single task: hub id or folder of an adapter's base model, which replaces the saved weights.
        revision: the revision of `weights`.

    Raises:
        UserError: as in `load`, or the model is a list of idioms.
    """
    if (folder / matcher.FILE).is_file():
        raise UserError(f"{folder} is a zero-shot list of idioms, which has no weights; choose another model")
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} contains no model; train one: dvc repro train, or download it: dvc pull")
    origin = {"trust_remote_code": trust_remote_code}
    tokenizer = pretrained(AutoTokenizer, folder, origin)
    raw = read_json(folder / "config.json")
    if raw.get("model_type") in CUSTOM_CLASSES:
        model = _load_complete(CUSTOM_CLASSES[raw["model_type"]], folder, {})
        labels = dict(model.config.task_labels)
    else:
        task = _task_of(folder, raw)
        if weights is None:
            model = _load_complete(getattr(transformers, task.auto_class), folder, origin)
        else:
            config = pretrained(AutoConfig, folder, origin)
            options = {"config": config, "dtype": torch.float32, "ignore_mismatched_sizes": True}
            base = origin_of(trust_remote_code, revision)
            model = pretrained(getattr(transformers, task.auto_class), weights, base, **options)
        labels = {task.name: [model.config.id2label[i] for i in range(model.config.num_labels)]}
    check_vocabulary(folder, tokenizer, getattr(model, "encoder", model).config)
    settings = _settings([TASKS[name] for name in labels]) | getattr(model.config, "task_settings", {})
    max_length = min(tokenizer.model_max_length, positions(model))
    return Checkpoint(
        model, tokenizer, labels, max_length, settings, getattr(model.config, "inference_precision", "fp32")
    )


def _load_complete(auto_class: Any, folder: Path, origin: Mapping[str, Any]) -> PreTrainedModel:
    """Loads a model and checks that no weights are missing. transformers would initialise them at random."""
    model, loading_info = pretrained(auto_class, folder, origin, output_loading_info=True)
    if missing := sorted(loading_info["missing_keys"]):
        raise UserError(
            f"the model in {folder} lacks {len(missing)} of its weights, such as {missing[0]}; check that the folder "
            "is complete"
        )
    return model


def _task_of(folder: Path, raw: Mapping[str, Any]) -> Task:
    """Returns the task in config.json. A checkpoint from another program has only its architecture there."""
    if "task" in raw:
        (task,) = parse(raw["task"])
        return task
    if not raw.get("architectures"):
        raise UserError(f"{folder / 'config.json'} has no class of the model; add it under 'architectures'")
    architecture = raw["architectures"][0]
    tasks = [task for task in TASKS.values() if architecture.endswith(task.auto_class.removeprefix("AutoModel"))]
    if not tasks:
        raise UserError(f"{folder} contains a {architecture}, which is not a model of any task: {', '.join(TASKS)}")
    if len(tasks) > 1:
        names = ", ".join(task.name for task in tasks)
        raise UserError(
            f"{folder} contains a {architecture}, which may be a model of several tasks: {names}; set the task in "
            f'{folder / "config.json"}: "task": "{tasks[0].name}"'
        )
    return tasks[0]

"""A checkpoint: a model with its tokenizer, its tasks and their labels; made from an encoder, saved, loaded."""

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

OURS: dict[str, type[PreTrainedModel]] = {"joint": JointModel, "verbalizer": Verbalizer}  # by config.model_type


@dataclass(frozen=True)
class Checkpoint:
    """What is trained, saved and run.

    Attributes:
        labels: {task: its label set, in the order of the logits}.
        max_length: sub-words per input; what is longer is cut, or read in windows.
        settings: those of its tasks, by name.
        precision: fp32, bf16 or fp16: of its training, and of every prediction ever after.
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
        """Sub-words that neighbouring windows of a long text share; None: it is cut."""
        return int(self.settings["stride"]) if any(task.windowed for task in self.tasks) else None

    def logits(
        self, inputs: Mapping[str, torch.Tensor], model: torch.nn.Module | None = None
    ) -> dict[str, torch.Tensor]:
        """Runs the model (or a wrapped form of it).

        Shape: inputs (B, T); values like the logits of each task.
        """
        output = (self.model if model is None else model)(**inputs)  # a compiled one has no truth value
        per_task = type(output) is dict  # of a model of ours; those of transformers have classes for their outputs
        return output if per_task else {task.name: task.logits(output) for task in self.tasks}

    @property
    def weights(self) -> int:
        return self.model.num_parameters()

    @property
    def is_plain(self) -> bool:
        return type(self.model) not in OURS.values()

    @property
    def summary(self) -> str:
        return f"{type(self.model).__name__}, {'+'.join(self.labels)}, {self.weights:,} weights, {self.precision}"

    def to(self, device: str) -> None:
        self.model.to(device, hardware.dtype(self.precision, torch.device(device)))

    def predict(self, examples: Sequence[Example], batch_size: int) -> list[Prediction]:
        encoded = encode(self, examples)
        return inference.decode(self, encoded, inference.run(self, encoded, batch_size))

    def outputs(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Returns the logits of every window, task by task."""
        logits = inference.run(self, encode(self, examples), len(examples))
        return [window for windows in logits.values() for window in windows]

    def tensors(self) -> dict[str, torch.Tensor]:
        return dict(self.model.state_dict())

    def save(self, folder: Path) -> None:
        """Saves weights, configuration and tokenizer. With one task, it is a plain transformers checkpoint."""
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
    """Puts new heads on an encoder; draws their weights from torch's random state.

    Args:
        train: what `tiny` trains its tokenizer on; unused for other encoders.

    Raises:
        UserError: the encoder cannot be found or loaded, has no fast tokenizer for a task that needs one, or is too
            short for train.max_length.
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
        raise UserError(f"train.max_length: {max_length} is longer than the encoder's {positions(model)} positions")
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
                f"task '{task.name}' needs a fast tokenizer, which tells the characters of each sub-word; that of "
                f"'{encoder.source}' ({type(tokenizer).__name__}) is not one: choose another model or task: cls"
            )
        if task.windowed and tokenizer("a")["input_ids"][0] != tokenizer.cls_token_id:
            raise UserError(
                f"task '{task.name}' needs inputs that begin with the token which stands for no answer, such as [CLS]; "
                f"those of '{encoder.source}' do not: choose another model or task: cls"
            )
    if config.model_type in OURS:
        raise UserError(
            f"the model in {encoder.source} is a {config.model_type} model of ours, from which no other can be started"
        )


def positions(model: PreTrainedModel) -> int:
    """The longest input that a model takes, in sub-words; RoBERTa's kind does not use its first positions."""
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
    config.problem_type = None  # what the model was fine-tuned on before
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
        raise UserError(f"task {'+'.join(labels)} needs an encoder that transformers has built in: {error}") from error
    if encoder.source is not None:
        model.encoder = pretrained(AutoModel, encoder.source, origin, dtype=torch.float32)
        for name in model.encoders:
            model.encoders[name] = copy.deepcopy(model.encoder)
    return model


def load(folder: Path, *, trust_remote_code: bool = False) -> Model:
    """Loads what was saved: a model of this project, or any transformers checkpoint of a task's class.

    Raises:
        UserError: no model there, one that lacks weights, or of a class that no task has.
    """
    if (folder / matcher.FILE).is_file():
        return matcher.load(folder)
    return load_checkpoint(folder, trust_remote_code=trust_remote_code)


def load_checkpoint(
    folder: Path, *, trust_remote_code: bool = False, weights: str | None = None, revision: str | None = None
) -> Checkpoint:
    """Loads a model that has weights.

    Args:
        weights: for a single task: where an adapter's base is, on the hub or in a folder; instead of what was saved.
        revision: of `weights`.

    Raises:
        UserError: as of `load`; or the model is a list of idioms.
    """
    if (folder / matcher.FILE).is_file():
        raise UserError(f"{folder} is a zero-shot list of idioms, which has no weights; name another model")
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no model; train one: dvc repro train, or fetch it: dvc pull")
    origin = {"trust_remote_code": trust_remote_code}
    tokenizer = pretrained(AutoTokenizer, folder, origin)
    raw = read_json(folder / "config.json")
    if raw.get("model_type") in OURS:
        model = _whole(OURS[raw["model_type"]], folder, {})
        labels = dict(model.config.task_labels)
    else:
        task = _task_of(folder, raw)
        if weights is None:
            model = _whole(getattr(transformers, task.auto_class), folder, origin)
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


def _whole(auto_class: Any, folder: Path, origin: Mapping[str, Any]) -> PreTrainedModel:
    """Loads a model that has all of its weights; transformers draws those that are missing at random."""
    model, found = pretrained(auto_class, folder, origin, output_loading_info=True)
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"the model in {folder} lacks {len(missing)} of its weights, such as {missing[0]}; is the folder whole?"
        )
    return model


def _task_of(folder: Path, raw: Mapping[str, Any]) -> Task:
    """Returns the task that config.json names. A checkpoint of another program names only its architecture."""
    if "task" in raw:
        (task,) = parse(raw["task"])
        return task
    if not raw.get("architectures"):
        raise UserError(f"{folder / 'config.json'} does not say under 'architectures' which class the model is of")
    architecture = raw["architectures"][0]
    able = [task for task in TASKS.values() if architecture.endswith(task.auto_class.removeprefix("AutoModel"))]
    if not able:
        raise UserError(f"{folder} holds a {architecture}, which is no model of the tasks {', '.join(TASKS)}")
    if len(able) > 1:
        names = ", ".join(task.name for task in able)
        raise UserError(
            f"{folder} holds a {architecture}, which may be a model of the tasks {names}; name its task in "
            f'{folder / "config.json"}: "task": "{able[0].name}"'
        )
    return able[0]

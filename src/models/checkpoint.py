"""A checkpoint: a model with its tokenizer, its tasks and their labels; made from an encoder, saved, loaded."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError
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
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import hardware, matcher, tiny
from src.models.encoders import Encoder
from src.models.joint import JointConfig, JointModel
from src.models.matcher import Matcher
from src.models.verbalizer import Verbalizer
from src.tasks import TASKS, Task

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

    def save(self, folder: Path) -> None:
        """Saves weights, configuration and tokenizer; one task: a plain transformers checkpoint."""
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


def origin_of(trust_remote_code: bool, revision: str | None) -> dict[str, Any]:
    """Says which commit of a model the Auto classes are to load, and whether code of its own may run."""
    origin = {"trust_remote_code": trust_remote_code, "revision": revision}
    # code that lies in another repository has no such commit, and is refused; without one, its newest would run
    return origin | ({"code_revision": revision} if trust_remote_code else {})


def pretrained(auto_class: Any, source: str | Path, origin: Mapping[str, Any], **options: Any) -> Any:
    """Loads what an Auto class loads, of the hub or of a folder.

    Raises:
        UserError: it cannot be found or loaded.
    """
    with loading(source):
        return auto_class.from_pretrained(source, **origin, **options)


@contextmanager
def loading(source: str | Path) -> Iterator[None]:
    """Names what a library cannot load, and says why.

    Raises:
        UserError: it cannot be found or loaded.
    """
    try:
        yield
    except pickle.UnpicklingError as error:  # what torch says of it advises to load it nevertheless
        reason = "its weights are a pickle of other things than tensors, which could run code and is not read"
        raise UserError(f"the model in {source} cannot be loaded: {reason}; take one with safetensors") from error
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, SafetensorError,
    ) as error:  # fmt: skip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "custom code" in reason or "trust_remote_code" in reason:
            raise UserError(
                f"the model '{source}' runs code of its own; read it, then set train.trust_remote_code: true, or give "
                "--trust-remote-code to predict, represent, bench or check"
            ) from error
        if "valid git identifier" in reason and f"/{source}'" not in reason:
            raise UserError(
                f"the model '{source}' runs code that lies in another repository, of which train.revision names no "
                "commit; choose a model whose code lies beside its weights"
            ) from error
        if "backend tokenizer" in reason and not (Path(source) / "tokenizer.json").is_file() and Path(source).is_dir():
            raise UserError(f"{source} holds no tokenizer: there is no tokenizer.json; is the folder whole?") from error
        if Path(source).is_dir():
            raise UserError(f"the model in {source} cannot be loaded: {reason}; is the folder whole?") from error
        if not _may_be_on_the_hub(source):
            raise UserError(f"the model '{source}' cannot be loaded: there is no such folder") from error
        raise UserError(
            f"the model '{source}' cannot be loaded: {reason} Looked in {constants.HF_HUB_CACHE} (HF_HOME moves it) "
            f"and, unless HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is 1, on the hub. Check the name, or download it "
            f"where there is a network: hf download {source}"
        ) from error


def _may_be_on_the_hub(source: str | Path) -> bool:
    try:
        validate_repo_id(str(source))
    except HFValidationError:
        return False
    return True


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


def check_vocabulary(source: str | Path | None, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> None:
    """Refuses a folder whose tokenizer is missing: transformers makes one of a few entries in its place.

    Raises:
        UserError: far fewer sub-words than embeddings.
    """
    rows = getattr(config, "vocab_size", None)
    if rows is not None and len(tokenizer) < rows / 2:
        raise UserError(f"{source} holds no tokenizer for its model: {len(tokenizer)} sub-words, {rows} embeddings")


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


def load(
    folder: Path, *, trust_remote_code: bool = False, weights: str | None = None, revision: str | None = None
) -> Checkpoint | Matcher:
    """Loads what was saved: a model of ours, or any transformers checkpoint of a task's class.

    Args:
        weights: for a single task: where an adapter's base is, on the hub or in a folder; in place of what was saved.
        revision: of `weights`.

    Raises:
        UserError: no checkpoint there, one that lacks weights, or of a class that no task has.
    """
    if (folder / matcher.FILE).is_file():
        return matcher.load(folder)
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
    if not raw.get("architectures"):
        raise UserError(f"{folder / 'config.json'} does not say under 'architectures' which class the model is of")
    architecture = raw["architectures"][0]
    for task in TASKS.values():
        if architecture.endswith(task.auto_class.removeprefix("AutoModel")):
            return task
    raise UserError(f"{folder} holds a {architecture}, which is no model of the tasks {', '.join(TASKS)}")

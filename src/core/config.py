"""params.yaml as typed, frozen objects: one class per section, in the order of the file.

The classes check types, legal values and contradictions. The comments of params.yaml explain each key.
"""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from src.core.files import read_yaml
from src.core.section import Section, parse
from src.core.user_errors import UserError, unknown_name

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # the range that numpy accepts
HpoMode = Literal["fixed", "tuned", "search"]
OBSERVING_SECTIONS = ("health", "represent")  # sections of `train` that do not change the trained weights


class PrepareParams(Section):
    corpus: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]
    split: Literal["own", "fresh"]
    unseen_groups: list[str] | None
    validation_fraction: Fraction
    test_fraction: Fraction
    split_seed: Seed
    folds: Annotated[int, Field(ge=2)] | None
    fold: Annotated[int, Field(ge=0)] | None
    group_by: Literal["group"] | None
    group_column: Annotated[str, Field(min_length=1)] | None
    max_samples: Positive | None

    @model_validator(mode="after")
    def _no_contradiction(self) -> "PrepareParams":
        if self.split == "own" and self.unseen_groups is not None:
            raise ValueError(
                "prepare.split: own contradicts prepare.unseen_groups; set prepare.split: fresh or "
                "prepare.unseen_groups: null"
            )
        if self.split == "own" and self.folds is not None:
            raise ValueError(
                "prepare.split: own contradicts prepare.folds; set prepare.split: fresh or prepare.folds: null"
            )
        if (self.folds is None) != (self.fold is None):
            raise ValueError("prepare.fold and prepare.folds belong together; set both to numbers or both to null")
        if self.folds is not None and self.fold is not None and self.fold >= self.folds:
            raise ValueError(
                f"prepare.fold: {self.fold} does not exist; legal with prepare.folds: 0 to {self.folds - 1}"
            )
        if self.group_by is not None and self.folds is not None and self.unseen_groups is not None:
            raise ValueError(
                "prepare.group_by with prepare.folds contradicts prepare.unseen_groups, because the fold already "
                "holds out groups; set one of the three to null"
            )
        if self.validation_fraction + self.tested_fraction >= 1:
            raise ValueError(
                "prepare.validation_fraction + prepare.test_fraction (with folds: 1 / prepare.folds) leave no rows for "
                "training; their sum must be below 1"
            )
        return self

    @property
    def tested_fraction(self) -> float:
        """The share of test among the rows that are not in `unseen`."""
        return self.test_fraction if self.folds is None or self.group_by is not None else 1 / self.folds


class LoraParams(Section):
    r: Positive | None
    alpha: Positive | None
    dropout: Fraction | None
    target_modules: Annotated[list[str], Field(min_length=1)] | None
    keep_adapter: bool


Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]


class HealthParams(Section):
    fail_on: Literal["never", "red_flag"]
    train_loss_red_flag: Annotated[float, Field(gt=0)]
    train_loss_warning: Annotated[float, Field(gt=0)]
    train_loss_low_warning: Annotated[float, Field(ge=0)]
    loss_ratio_red_flag: Annotated[float, Field(gt=0)]
    loss_ratio_warning: Annotated[float, Field(gt=0)]
    loss_rise_red_flag: Annotated[float, Field(gt=0)]
    oscillation_warning: Annotated[float, Field(gt=0, le=1)]
    gradient_norm_red_flag: Bounds
    gradient_norm_warning: Bounds
    expected_red_flag: Annotated[float, Field(ge=0, le=1)]
    expected_warning: Annotated[float, Field(ge=0, le=1)]
    memory_warning: Annotated[float, Field(gt=0, le=1)]
    reload_red_flag: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _no_contradiction(self) -> "HealthParams":
        for key, lower, upper in (
            ("train_loss", self.train_loss_warning, self.train_loss_red_flag),
            ("loss_ratio", self.loss_ratio_warning, self.loss_ratio_red_flag),
            ("gradient_norm", self.gradient_norm_red_flag[0], self.gradient_norm_warning[0]),
            ("gradient_norm", self.gradient_norm_warning[0], self.gradient_norm_warning[1]),
            ("gradient_norm", self.gradient_norm_warning[1], self.gradient_norm_red_flag[1]),
            ("expected", self.expected_red_flag, self.expected_warning),
        ):
            if lower > upper:
                raise ValueError(
                    f"train.health.{key}_red_flag contradicts train.health.{key}_warning: the limit of a red flag must "
                    "be at least as extreme as the limit of a warning, and a range must be [low, high]"
                )
        return self


class RepresentParams(Section):
    steps: list[Annotated[int, Field(ge=0)]]
    examples: Annotated[int, Field(ge=2)]
    budget_mib: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _no_contradiction(self) -> "RepresentParams":
        if len(set(self.steps)) < len(self.steps):
            raise ValueError(f"train.represent.steps: {self.steps} names a step twice; list each step once")
        return self


class TrainParams(Section):
    mode: Literal["full", "frozen", "lora", "zero_shot"]
    freeze_layers: Annotated[int, Field(ge=0)]
    lora: LoraParams
    cache_mib: Annotated[int, Field(ge=0)]
    revision: str | None
    trust_remote_code: bool
    max_length: Annotated[int, Field(ge=8)]
    stride: Annotated[int, Field(ge=0)]
    max_answer_length: Positive
    pooling: Literal["first", "mean", "max", "attention"] | None
    separate_encoders: bool
    learning_rate: Annotated[float, Field(gt=0)] | None
    batch_size: Positive
    epochs: Positive
    warmup_ratio: Fraction
    weight_decay: Annotated[float, Field(ge=0)]
    gradient_accumulation_steps: Positive
    lr_scheduler: Literal["linear", "cosine"]
    label_smoothing: Fraction
    class_weights: Literal["balanced"] | None
    focal_gamma: Annotated[float, Field(gt=0)] | None
    max_grad_norm: Annotated[float, Field(gt=0)]
    early_stopping_patience: Positive | None
    task_weights: dict[str, Annotated[float, Field(gt=0)]]
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: Positive | None
    loader_workers: Annotated[int, Field(ge=0)] | None
    pin_memory: bool | None
    tf32: bool | None
    deterministic: bool
    health: HealthParams
    represent: RepresentParams
    trainer: dict[str, Any]

    @model_validator(mode="after")
    def _no_contradiction(self) -> "TrainParams":
        if self.warmup_ratio > 0.5:
            raise ValueError(f"train.warmup_ratio: {self.warmup_ratio} is more than half of the steps; legal: 0 to 0.5")
        if self.focal_gamma is not None and self.label_smoothing:
            raise ValueError(
                "train.focal_gamma contradicts train.label_smoothing, which has no effect on focal loss; set "
                "train.focal_gamma: null or train.label_smoothing: 0.0"
            )
        if self.freeze_layers and self.mode != "full":
            raise ValueError(
                f"train.freeze_layers: {self.freeze_layers} contradicts train.mode: {self.mode}; set "
                "train.freeze_layers: 0 or train.mode: full"
            )
        for key, value in self.lora:
            if value not in (None, False) and self.mode != "lora":
                raise ValueError(
                    f"train.lora.{key}: {value} contradicts train.mode: {self.mode}; set "
                    f"train.lora.{key}: {'false' if value is True else 'null'} or train.mode: lora"
                )
        if self.represent.steps and self.mode == "zero_shot":
            raise ValueError(
                "train.represent.steps contradicts train.mode: zero_shot, which has no steps; set "
                "train.represent.steps: [] or another train.mode"
            )
        if self.separate_encoders and self.mode == "frozen":
            raise ValueError(
                "train.separate_encoders contradicts train.mode: frozen, because frozen encoders are all equal; set "
                "train.separate_encoders: false or another train.mode"
            )
        return self

    def overridden(self, overrides: dict[str, Any], source: Path) -> "TrainParams":
        """Returns a copy with the values that the hpo stage chose.

        Raises:
            UserError: `overrides` holds a key that is not in `train`, or a value that is not legal.
        """
        if not isinstance(overrides, dict):
            raise UserError(f"{source}: a mapping of keys of train is expected, not {overrides!r}")
        return parse(TrainParams, {**self.model_dump(), **overrides}, source)

    @property
    def settings(self) -> dict[str, Any]:
        """All parameters that can change the trained weights."""
        return self.model_dump(exclude={**dict.fromkeys(OBSERVING_SECTIONS, True), "trainer": {"report_to"}})


Choice = bool | int | float | str | None


class Range(Section):
    """Numbers from `low` to `high`, both included. If both are integers, only integers are drawn.

    Attributes:
        log: draw uniformly on a logarithmic scale.
        step: distance between numbers; None: 1 for integers, continuous for floats.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @model_validator(mode="after")
    def _no_contradiction(self) -> "Range":
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step: {self.step} is not above 0; set a positive step or null")
        if isinstance(self.low, int) and isinstance(self.high, int) and isinstance(self.step, float):
            raise ValueError(f"step: {self.step} is not an integer, but low and high are; set an integer step")
        if self.low >= self.high:
            raise ValueError(f"low: {self.low} is not below high: {self.high}; set low < high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log: true needs low > 0 and step: null")
        return self


def _kind_of_domain(value: Any) -> str:
    return "list" if isinstance(value, list) else "range"


Domain = Annotated[
    Annotated[list[Choice], Field(min_length=1), Tag("list")] | Annotated[Range, Tag("range")],
    Discriminator(_kind_of_domain),
]


class HpoParams(Section):
    mode: HpoMode
    n_trials: Positive
    rounds: Positive
    workers: Positive
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    sampler: Literal["tpe", "random"]
    startup_trials: Positive
    pruner: Literal["median", "hyperband", "none"]
    max_failures: Positive
    storage: str | None
    space: dict[str, Domain]

    @model_validator(mode="after")
    def _no_contradiction(self) -> "HpoParams":
        if self.mode == "search" and not self.space:
            raise ValueError("hpo.mode: search needs at least one key of train in hpo.space")
        if self.rounds > 1 and not any(isinstance(domain, Range) for domain in self.space.values()):
            raise ValueError(f"hpo.rounds: {self.rounds} needs a range in hpo.space, which has only lists; set 1")
        if self.storage is not None and "://" not in self.storage and not self.storage.endswith(".log"):
            raise ValueError(f"hpo.storage: {self.storage} is neither a URL nor the path of a journal file (*.log)")
        if self.storage is not None and urlsplit(self.storage).password:
            raise ValueError("hpo.storage has a password, which Git and DVC would store; use ~/.pgpass or PGPASSWORD")
        return self


class EvaluateParams(Section):
    batch_size: Positive
    bootstrap_samples: Positive
    lexicon: Literal["none", "complete", "restrict"]


class CostParams(Section):
    currency: Annotated[str, Field(min_length=1)]
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    per_hour: dict[Annotated[str, Field(min_length=1)], Annotated[float, Field(ge=0)]]


class Params(Section):
    model: Annotated[str, Field(min_length=1)]
    task: Annotated[str, Field(min_length=1)]
    seed: Seed
    prepare: PrepareParams
    hpo: HpoParams
    train: TrainParams
    evaluate: EvaluateParams
    cost: CostParams

    @model_validator(mode="after")
    def _zero_shot_has_no_search(self) -> "Params":
        modes = self.hpo.space.get("mode", [])
        if self.hpo.mode == "search" and isinstance(modes, list) and "zero_shot" in modes:
            raise ValueError("hpo.space.mode: zero_shot does not train and cannot be a trial; remove it")
        if self.hpo.mode != "fixed" and self.train.mode == "zero_shot":
            raise ValueError(
                f"hpo.mode: {self.hpo.mode} contradicts train.mode: zero_shot, which has no hyper-parameters; set "
                "hpo.mode: fixed or another train.mode"
            )
        return self

    @model_validator(mode="after")
    def _space_is_legal(self) -> "Params":
        for key, domain in self.hpo.space.items():
            if key not in TrainParams.model_fields:
                raise ValueError(unknown_name("key in hpo.space:", key, TrainParams.model_fields))
            for value in [domain.low, domain.high] if isinstance(domain, Range) else domain:
                try:
                    TrainParams.model_validate({**self.train.model_dump(), key: value})
                except ValidationError as error:
                    raise ValueError(f"hpo.space.{key}: {value!r}: {error.errors()[0]['msg']}") from error
        return self


def load(path: Path) -> Params:
    """Reads params.yaml.

    Raises:
        UserError: the file is missing or not YAML, a key is unknown or missing, a value is not legal, or two keys
            contradict each other.
    """
    return parse(Params, read_yaml(path), path)

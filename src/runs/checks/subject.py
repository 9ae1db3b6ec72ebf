"""The subject of checks: the workspace, an experiment (its files are in a folder of their own), or only a model.

Each part is read once, when a check first needs it. torch is imported with the model. Without a model, checks run
without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from src.analysis import grouping
from src.core.command import heavy_imports
from src.core.config import TrainParams
from src.core.files import read_yaml
from src.core.records import Example, Prediction, read_examples
from src.core.section import parse
from src.core.user_errors import UserError
from src.runs.checks.reporting import NotApplicableError
from src.runs.paths import DATA, ENVIRONMENT, HEALTH, LOCK, METRICS, MODEL, PARAMS, PREDICTIONS
from src.tasks.prediction_file import read_predictions

if TYPE_CHECKING:
    from src.models.interface import Model

PATHS = (LOCK, PARAMS, DATA, MODEL, METRICS, PREDICTIONS, HEALTH, ENVIRONMENT)  # of a run
STAGES = ("prepare", "hpo", "train", "evaluate")
EVALUATED = ("test", "unseen")


class Entry(BaseModel):
    """A file or folder that a stage read or wrote."""

    path: str
    md5: str = ""


class Stage(BaseModel):
    """The entry of a stage in dvc.lock."""

    deps: list[Entry] = []
    outs: list[Entry] = []
    params: dict[str, dict[str, Any]] = {}


class _Lock(BaseModel):
    stages: dict[str, Stage]


@dataclass(frozen=True)
class Subject:
    """A run, or only a model.

    Attributes:
        model: folder of the model.
        root: folder with the layout of the project; None if there is only a model.
        in_workspace: the subject is the workspace, so DVC's cache and queue and the checkpoints belong to it.
        trust_remote_code: allow the model to run its own code. In the workspace, the parameters of the run can allow
            it too. An experiment may come from another person, so its parameters cannot allow it.
    """

    name: str
    model: Path
    root: Path | None = None
    in_workspace: bool = False
    trust_remote_code: bool = False

    def path(self, relative: str) -> Path:
        """Returns the path of a file or folder of the run.

        Raises:
            NotApplicableError: there is only a model, or the file is missing.
        """
        if self.root is None:
            raise NotApplicableError("only a model is checked")
        if not (self.root / relative).exists():
            raise NotApplicableError(f"{relative} is missing")
        return self.root / relative

    @cached_property
    def stages(self) -> Mapping[str, Stage]:
        """The inputs, outputs and parameters of the last run of each stage, from dvc.lock."""
        try:
            return _Lock.model_validate(read_yaml(self.path(LOCK))).stages
        except ValidationError as error:
            raise UserError(f"{LOCK} does not have stages as DVC writes them; run git checkout {LOCK}") from error

    def ran_with(self, key: str) -> Any:
        """Returns a parameter with which the stages ran. The value in params.yaml may be different now.

        Raises:
            NotApplicableError: no stage ran with this parameter.
        """
        for name in reversed(STAGES):
            params = grouping.flatten(self.stages[name].params.get(PARAMS, {})) if name in self.stages else {}
            if key in params:
                return params[key]
        raise NotApplicableError(f"no stage has run with the parameter {key}")

    @cached_property
    def train_params(self) -> TrainParams:
        """The section `train` with which the stages ran. If train and evaluate differ, evaluate counts.

        Raises:
            NotApplicableError: the run was made with code that has other parameters, or the stages have not run.
        """
        if not {"train", "evaluate"} <= self.stages.keys():
            raise NotApplicableError("the stages train and evaluate have not both run")
        evaluated = self.stages["evaluate"].params.get(PARAMS, {})
        overlay = {key.removeprefix("train."): value for key, value in evaluated.items() if key.startswith("train.")}
        try:
            return parse(
                TrainParams, {**self.stages["train"].params.get(PARAMS, {}).get("train", {}), **overlay}, Path(LOCK)
            )
        except UserError as error:
            raise NotApplicableError(
                f"the run was made with different code, which has other parameters: {error}"
            ) from error

    @cached_property
    def train(self) -> list[Example]:
        return read_examples(self.path(DATA) / "train.jsonl")

    @cached_property
    def examples(self) -> dict[str, list[Example]]:
        """{split: its examples} of the evaluated splits that are not empty."""
        splits = {split: read_examples(self.path(DATA) / f"{split}.jsonl") for split in EVALUATED}
        return {split: rows for split, rows in splits.items() if rows}

    @cached_property
    def predictions(self) -> list[Prediction]:
        """The predictions of the run."""
        return read_predictions(self.path(PREDICTIONS))

    @property
    def rows(self) -> list[Prediction]:
        """The predictions of the run.

        Raises:
            NotApplicableError: they are missing or not valid. The check `predictions` reports it.
        """
        try:
            return self.predictions
        except UserError as error:
            raise NotApplicableError("see predictions") from error

    @property
    def loaded(self) -> Model:
        """The model.

        Raises:
            NotApplicableError: the model is missing.
            UserError: the model cannot be loaded.
        """
        if isinstance(self._loaded, UserError):
            raise self._loaded
        return self._loaded

    @cached_property
    def _loaded(self) -> Model | UserError:
        """The model, or the error of loading it. The error is kept so that each model is loaded only once."""
        if not self.model.is_dir():
            raise NotApplicableError("the model is missing")
        with heavy_imports():
            from transformers.utils import logging

            from src.models import checkpoint

        logging.disable_progress_bar()
        allowed = self.trust_remote_code or (self.in_workspace and bool(self.ran_with("train.trust_remote_code")))
        try:
            return checkpoint.load(self.model, trust_remote_code=allowed)
        except UserError as error:
            return error

    @property
    def checkpoint(self) -> Model:
        """The model.

        Raises:
            NotApplicableError: the model is missing or cannot be loaded. The check `model` reports it.
        """
        try:
            return self.loaded
        except UserError as error:
            raise NotApplicableError("see model") from error

"""What is checked: the workspace, an experiment whose files lie in a folder of their own, or a model alone.

Its parts are read once, when a check first asks for them. torch is imported with the model: where there is none, checks
run without it.
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
    """What dvc.lock holds of a stage."""

    deps: list[Entry] = []
    outs: list[Entry] = []
    params: dict[str, dict[str, Any]] = {}


class _Lock(BaseModel):
    stages: dict[str, Stage]


@dataclass(frozen=True)
class Subject:
    """A run, or a model alone.

    Attributes:
        model: folder of the model.
        root: folder with the layout of the project; None: a model alone.
        in_workspace: DVC's cache and queue, and what training keeps, belong to it.
        trust_remote_code: let the model run code of its own; in the workspace, what its stages ran with says so too. An
            experiment may be somebody else's, and cannot allow itself anything.
    """

    name: str
    model: Path
    root: Path | None = None
    in_workspace: bool = False
    trust_remote_code: bool = False

    def path(self, relative: str) -> Path:
        """Returns where a file or folder of the run lies.

        Raises:
            NotApplicableError: a model alone has no run, or there is no such file.
        """
        if self.root is None:
            raise NotApplicableError("a model alone")
        if not (self.root / relative).exists():
            raise NotApplicableError(f"{relative} is not there")
        return self.root / relative

    @cached_property
    def stages(self) -> Mapping[str, Stage]:
        """What dvc.lock says that each stage was last run with, and wrote."""
        try:
            return _Lock.model_validate(read_yaml(self.path(LOCK))).stages
        except ValidationError as error:
            raise UserError(f"{LOCK} does not hold stages as DVC writes them; git checkout {LOCK}") from error

    def ran_with(self, key: str) -> Any:
        """Returns a parameter that the stages ran with: not what params.yaml says by now.

        Raises:
            NotApplicableError: no stage that has run knows it.
        """
        for name in reversed(STAGES):
            params = grouping.flatten(self.stages[name].params.get(PARAMS, {})) if name in self.stages else {}
            if key in params:
                return params[key]
        raise NotApplicableError(f"no stage has run with the parameter {key}")

    @cached_property
    def train_params(self) -> TrainParams:
        """The section `train` that the stages ran with; evaluate has the last word of what both read.

        Raises:
            NotApplicableError: it is of other code, which has other parameters, or the stages have not run.
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
            raise NotApplicableError(f"the run is of other code, with other parameters: {error}") from error

    @cached_property
    def train(self) -> list[Example]:
        return read_examples(self.path(DATA) / "train.jsonl")

    @cached_property
    def examples(self) -> dict[str, list[Example]]:
        """{split: its examples}, of the splits that a model is evaluated on and that have any."""
        found = {split: read_examples(self.path(DATA) / f"{split}.jsonl") for split in EVALUATED}
        return {split: rows for split, rows in found.items() if rows}

    @cached_property
    def read(self) -> list[Prediction]:
        """The predictions of the run."""
        return read_predictions(self.path(PREDICTIONS))

    @property
    def rows(self) -> list[Prediction]:
        """The predictions of the run.

        Raises:
            NotApplicableError: they are not there, or cannot be read, which the check `predictions` tells.
        """
        try:
            return self.read
        except UserError as error:
            raise NotApplicableError("see predictions") from error

    @property
    def loaded(self) -> Model:
        """The model.

        Raises:
            NotApplicableError: it is not there.
            UserError: it cannot be loaded.
        """
        if isinstance(self._loaded, UserError):
            raise self._loaded
        return self._loaded

    @cached_property
    def _loaded(self) -> Model | UserError:
        """The model, or why it cannot be loaded: each check that asks would try again."""
        if not self.model.is_dir():
            raise NotApplicableError("the model is not there")
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
            NotApplicableError: it is not there, or cannot be loaded, which the check `model` tells.
        """
        try:
            return self.loaded
        except UserError as error:
            raise NotApplicableError("see model") from error

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

from src import config
from src.checks.finding import NotApplicableError
from src.config import Params
from src.errors import UserError
from src.experiments import METRICS, PARAMS, PREDICTIONS
from src.files import read_yaml
from src.records import Example, Prediction, read_examples, read_predictions

if TYPE_CHECKING:
    from src.modeling.checkpoint import Checkpoint
    from src.modeling.matcher import Matcher

LOCK = "dvc.lock"
DATA = "data/prepared"
MODEL = "models/current"
HEALTH = "metrics/health.json"
PATHS = (LOCK, PARAMS, DATA, MODEL, METRICS, PREDICTIONS, HEALTH)  # of a run
EVALUATED = ("test", "unseen")


@dataclass(frozen=True)
class Subject:
    """A run, or a model alone.

    Attributes:
        model: folder of the model.
        root: folder with the layout of the project; None: a model alone.
        in_workspace: DVC's cache and queue, and what training keeps, belong to it.
    """

    name: str
    model: Path
    root: Path | None = None
    in_workspace: bool = False

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
    def stages(self) -> Mapping[str, Any]:
        """What dvc.lock says that each stage was last run with, and wrote."""
        lock = read_yaml(self.path(LOCK))
        if not isinstance(lock, dict) or not isinstance(lock.get("stages"), dict):
            raise UserError(f"{LOCK} has no stages; git checkout {LOCK} brings back what it was")
        return lock["stages"]

    @cached_property
    def params(self) -> Params:
        """The parameters that the stages ran with: not what params.yaml says by now."""
        found: dict[str, Any] = {}
        for name in ("prepare", "hpo", "train", "evaluate"):
            if name not in self.stages:
                raise NotApplicableError(f"stage {name} has not run")
            for key, value in self.stages[name].get("params", {}).get(PARAMS, {}).items():
                section, dot, rest = key.partition(".")
                if dot:
                    found.setdefault(section, {})[rest] = value
                else:
                    found[key] = value
        return config.parse(Params, found, self.path(LOCK))

    @cached_property
    def train(self) -> list[Example]:
        return read_examples(self.path(DATA) / "train.jsonl")

    @cached_property
    def examples(self) -> dict[str, list[Example]]:
        """{split: its examples}, of the splits that a model is evaluated on and that have any."""
        found = {split: read_examples(self.path(DATA) / f"{split}.jsonl") for split in EVALUATED}
        return {split: rows for split, rows in found.items() if rows}

    @cached_property
    def rows(self) -> list[Prediction]:
        """The predictions of the run.

        Raises:
            NotApplicableError: they are not there, or cannot be read, which the check `predictions` tells.
        """
        try:
            return self.read_rows()
        except UserError as error:
            raise NotApplicableError("see predictions") from error

    def read_rows(self) -> list[Prediction]:
        return read_predictions(self.path(PREDICTIONS))

    @cached_property
    def checkpoint(self) -> Checkpoint | Matcher:
        """The model.

        Raises:
            NotApplicableError: it is not there, or cannot be loaded, which the check `model` tells.
        """
        try:
            return self.load()
        except UserError as error:
            raise NotApplicableError("see model") from error

    def load(self) -> Checkpoint | Matcher:
        if not self.model.is_dir():
            raise NotApplicableError("the model is not there")
        from transformers.utils import logging

        from src.modeling import checkpoint

        logging.disable_progress_bar()
        allowed = self.root is not None and self.params.train.trust_remote_code
        return checkpoint.load(self.model, trust_remote_code=allowed)

"""The objective of a search: it trains with the values of a trial and returns the best validation score."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed

from src.core.config import Params, Range
from src.core.records import Example
from src.models import checkpoint
from src.models.batches import Encoded, encode
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.search import study
from src.search.study import Space
from src.training import modes
from src.training.fit import fit


@dataclass(frozen=True)
class Job:
    """What every worker needs to run trials.

    Attributes:
        files: training and validation data; the name of the study contains their hash.
        folder: folder of SQLite studies.
    """

    params: Params
    encoder: Encoder
    labels: dict[str, list[str]]
    train: Sequence[Example]
    validation: Sequence[Example]
    files: Sequence[Path]
    folder: Path

    def study_name(self, space: Space, number: int = 1) -> str:
        """Returns the name of the study that searches a space in a round."""
        hpo = self.params.hpo
        settings = {
            "round": number,
            "model": self.params.model,
            "task": self.params.task,
            "train": self.params.train.settings,
            "hpo": hpo.model_dump(include={"seed", "sampler", "startup_trials", "pruner"}),
            "space": {key: dict(domain) if isinstance(domain, Range) else domain for key, domain in space.items()},
        }
        return study.name(
            f"{self.params.model.strip('./').replace('/', '--')}-{self.params.task}", settings, self.files
        )


class Objective:
    """Trains with the values of a trial and returns its score. All trials share the tokenised data."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.space: Space = job.params.hpo.space
        self.encoded: dict[tuple[int, int | None, str | None], tuple[Encoded, Encoded]] = {}

    def __call__(self, trial: optuna.Trial) -> float:
        trial.set_user_attr("process", study.this_process())
        earlier = [other for other in study.counted(trial.study) if other.number < trial.number]
        if len(earlier) >= self.job.params.hpo.n_trials:
            raise _SuperfluousError  # another process started the last trial; without `error` this one is not counted
        try:
            return self._train(trial)
        except optuna.TrialPruned:
            raise
        except Exception as error:
            trial.set_user_attr("error", f"{type(error).__name__}: {error}")
            print(f"trial {trial.number} failed: {type(error).__name__}: {error}", flush=True)
            raise

    def _train(self, trial: optuna.Trial) -> float:
        params = self.job.params
        trial.study.sampler = study.sampler(params.hpo, trial.number)
        values = study.suggest(trial, self.space)
        train_params = params.train.overridden(values, Path("hpo.space"))
        trial.set_user_attr("epochs", train_params.epochs)
        set_seed(params.hpo.seed)
        model = checkpoint.create(self.job.encoder, self.job.labels, self.job.train, train_params)
        train, validation = self._encoded(model, train_params.revision)
        modes.begin(model, (train, validation), train_params)
        pruning = Pruning(trial)
        result = fit(
            model,
            train,
            validation,
            train_params,
            learning_rate=modes.learning_rate(train_params, self.job.encoder),
            seed=params.hpo.seed,
            callbacks=[pruning],
        )
        print(f"trial {trial.number}: {result.primary:.4f}{' pruned' if pruning.pruned else ''} {values}", flush=True)
        if pruning.pruned:
            raise optuna.TrialPruned
        return result.primary

    def _encoded(self, model: Checkpoint, revision: str | None) -> tuple[Encoded, Encoded]:
        key = model.max_length, model.stride, revision
        if key not in self.encoded:
            self.encoded[key] = (encode(model, self.job.train), encode(model, self.job.validation))
        return self.encoded[key]


class _SuperfluousError(Exception):
    """The trial exceeds hpo.n_trials."""


class Pruning(TrainerCallback):
    """Reports the score of every epoch to the trial, and stops training if the pruner says so."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.pruned = False

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        epoch = round(state.epoch or 0)
        self.trial.report((metrics or {})["eval_primary"], step=epoch)
        if epoch < args.num_train_epochs and self.trial.should_prune():  # pruning the last epoch would save no time
            self.pruned = True
            control.should_training_stop = True

"""The search for hyper-parameters: trials are trainings on train, scored on validation, as the train stage does them.

A trial is worth the best validation score of its epochs: what the train stage would keep. The pruner hears of every
epoch. Workers are processes that run the same loop on one study, until it has all its trials.
"""

import multiprocessing
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import FrozenTrial, TrialState
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed
from transformers.utils import logging as transformers_logging

from src.core.command import run
from src.core.config import Params, Range
from src.core.records import Example
from src.core.user_errors import UserError
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
        files: what trials learn from, and are scored on; hashed into the study's name.
        folder: where SQLite studies are kept.
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


def search(job: Job) -> list[optuna.Study]:
    """Runs all rounds of a search; returns their studies, finished, the last one last.

    Raises:
        UserError: hpo.max_failures trials failed in a row, or none was finished.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit torch's threads half-way
    helpers = [context.Process(target=_help, args=(job,)) for _ in range(1, job.params.hpo.workers)]
    threads = torch.get_num_threads()
    for helper in helpers:
        helper.start()
    try:
        studies = _rounds(job)
    finally:
        torch.set_num_threads(threads)
        for helper in helpers:
            helper.terminate()  # they have nothing left to do, or the search has failed
            helper.join()
    return studies


def _help(job: Job) -> None:
    def work() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # it is ended so when all is done, which is no news
        _rounds(job)

    run(work)


def _rounds(job: Job) -> list[optuna.Study]:
    hpo = job.params.hpo
    torch.set_num_threads(max(1, torch.get_num_threads() // hpo.workers))
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # failures are told below, in one line each
    transformers_logging.set_verbosity_error()  # else every trial warns that its weights are not kept
    transformers_logging.disable_progress_bar()
    kept_in = study.storage(hpo.storage, job.folder)
    space: Space = hpo.space
    studies: list[optuna.Study] = []
    objective = _Objective(job)
    for number in range(1, hpo.rounds + 1):
        if number > 1:
            space = study.narrowed(space, studies[-1].get_trials(states=(TrialState.COMPLETE,)))
        current = study.open_study(job.study_name(space, number), kept_in, hpo)
        if multiprocessing.parent_process() is None:
            print(f"round {number} of {hpo.rounds}: study {current.study_name}, {_plan(current, job)}", flush=True)
        _work(current, objective, space, job)
        studies.append(current)
    return studies


def _plan(current: optuna.Study, job: Job) -> str:
    hpo = job.params.hpo
    done = len(study.finished(current))
    guided = max(0, hpo.n_trials - hpo.startup_trials) if hpo.sampler == "tpe" else 0
    plan = f"{done} of {hpo.n_trials} trials done, {guided} of them guided by others"
    if hpo.sampler == "tpe" and hpo.n_trials <= 2 * hpo.startup_trials:
        plan += f"; warning: hpo.n_trials: {hpo.n_trials} is at most twice hpo.startup_trials: little but random search"
    return plan


def _work(current: optuna.Study, objective: "_Objective", space: Space, job: Job) -> None:
    wanted = job.params.hpo.n_trials
    parent = multiprocessing.parent_process()
    waits = False
    while len(study.finished(current)) < wanted:
        if parent is not None and not parent.is_alive():
            raise SystemExit(1)
        study.give_up_dead(current)
        if len(study.counted(current)) < wanted:
            objective.space = space
            current.optimize(objective, n_trials=1, catch=(Exception,))
            _stop_after_failures(current, job.params.hpo.max_failures)
        else:  # other processes have the last trials in hand
            if not waits:
                running = [f"{t.number} of {t.user_attrs.get('process')}" for t in _running(current)]
                print(f"waiting for the trials {', '.join(running)}", flush=True)
            waits = True
            time.sleep(0.5)


def _running(current: optuna.Study) -> list[FrozenTrial]:
    return current.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _stop_after_failures(current: optuna.Study, limit: int) -> None:
    last = study.finished(current)[-limit:]
    if len(last) == limit and all(trial.state == TrialState.FAIL for trial in last):
        raise UserError(f"the search stops: {limit} trials in a row failed; the last: {last[-1].user_attrs['error']}")


class _Objective:
    """Trains with the values of a trial and returns its score; keeps the tokenised data from trial to trial."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.space: Space = job.params.hpo.space
        self.encoded: dict[tuple[int, int | None, str | None], tuple[Encoded, Encoded]] = {}

    def __call__(self, trial: optuna.Trial) -> float:
        trial.set_user_attr("process", study.this_process())
        before = [other for other in study.counted(trial.study) if other.number < trial.number]
        if len(before) >= self.job.params.hpo.n_trials:
            raise _SuperfluousError  # another process took the last place; without an error this trial counts as lost
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
        chosen = params.train.overridden(values, Path("hpo.space"))
        trial.set_user_attr("epochs", chosen.epochs)
        set_seed(params.hpo.seed)
        made = checkpoint.create(self.job.encoder, self.job.labels, self.job.train, chosen)
        train, validation = self._encoded(made, chosen.revision)
        modes.begin(made, (train, validation), chosen)
        pruning = Pruning(trial)
        result = fit(
            made,
            train,
            validation,
            chosen,
            learning_rate=modes.learning_rate(chosen, self.job.encoder),
            seed=params.hpo.seed,
            callbacks=[pruning],
        )
        print(f"trial {trial.number}: {result.primary:.4f}{' pruned' if pruning.pruned else ''} {values}", flush=True)
        if pruning.pruned:
            raise optuna.TrialPruned
        return result.primary

    def _encoded(self, made: Checkpoint, revision: str | None) -> tuple[Encoded, Encoded]:
        key = made.max_length, made.stride, revision
        if key not in self.encoded:
            self.encoded[key] = (encode(made, self.job.train), encode(made, self.job.validation))
        return self.encoded[key]


class _SuperfluousError(Exception):
    """A trial that is one too many."""


class Pruning(TrainerCallback):
    """Tells a trial the score of every epoch, and ends the training that its pruner thinks hopeless."""

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
        if epoch < args.num_train_epochs and self.trial.should_prune():  # nothing is saved by pruning the last
            self.pruned = True
            control.should_training_stop = True


def best(studies: Sequence[optuna.Study]) -> tuple[optuna.Study, FrozenTrial]:
    """Returns the best completed trial of all rounds, and its study.

    Raises:
        UserError: no trial was completed.
    """
    found = [(current, trial) for current in studies for trial in current.get_trials(states=(TrialState.COMPLETE,))]
    if not found:
        errors = [trial.user_attrs["error"] for current in studies for trial in study.finished(current)[-1:]
                  if "error" in trial.user_attrs]  # fmt: skip
        reason = f"the last failed: {errors[-1]}" if errors else "all were pruned: raise hpo.n_trials"
        raise UserError(f"no trial was completed; {reason}")
    return max(found, key=lambda pair: pair[1].value or 0.0)

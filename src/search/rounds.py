"""The search for hyper-parameters: trials train on train and are scored on validation, as in the train stage.

The score of a trial is the best validation score of its epochs. Workers are processes that run the same loop on one
study until it has all its trials.
"""

import multiprocessing
import signal
import time
from collections.abc import Sequence

import optuna
import torch
from optuna.trial import FrozenTrial, TrialState
from transformers.utils import logging as transformers_logging

from src.core.command import run
from src.core.user_errors import UserError
from src.search import study
from src.search.objective import Job, Objective
from src.search.study import Space


def search(job: Job) -> list[optuna.Study]:
    """Runs all rounds of a search and returns their finished studies, in the order of the rounds.

    Raises:
        UserError: hpo.max_failures trials failed in a row.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads in an undefined state
    workers = [context.Process(target=_work_beside, args=(job,)) for _ in range(1, job.params.hpo.workers)]
    threads = torch.get_num_threads()
    for worker in workers:
        worker.start()
    try:
        studies = _rounds(job)
    finally:
        torch.set_num_threads(threads)
        for worker in workers:
            worker.terminate()  # the search is finished, or has failed
            worker.join()
    return studies


def _work_beside(job: Job) -> None:
    def work() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # `search` ends its workers by SIGTERM: no message is needed
        _rounds(job)

    run(work)


def _rounds(job: Job) -> list[optuna.Study]:
    hpo = job.params.hpo
    torch.set_num_threads(max(1, torch.get_num_threads() // hpo.workers))
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # the objective prints each failure in one line
    transformers_logging.set_verbosity_error()  # else every trial warns that its weights are not saved
    transformers_logging.disable_progress_bar()
    storage = study.storage(hpo.storage, job.folder)
    space: Space = hpo.space
    studies: list[optuna.Study] = []
    objective = Objective(job)
    for number in range(1, hpo.rounds + 1):
        if number > 1:
            space = study.narrowed(space, studies[-1].get_trials(states=(TrialState.COMPLETE,)))
        current = study.open_study(job.study_name(space, number), storage, hpo)
        if multiprocessing.parent_process() is None:
            print(f"round {number} of {hpo.rounds}: study {current.study_name}, {_plan(current, job)}", flush=True)
        _run_trials(current, objective, space, job)
        studies.append(current)
    return studies


def _plan(current: optuna.Study, job: Job) -> str:
    hpo = job.params.hpo
    done = len(study.finished(current))
    guided = max(0, hpo.n_trials - hpo.startup_trials) if hpo.sampler == "tpe" else 0
    plan = f"{done} of {hpo.n_trials} trials done, {guided} of {hpo.n_trials} guided by earlier trials"
    if hpo.sampler == "tpe" and hpo.n_trials <= 2 * hpo.startup_trials:
        plan += (
            f"; warning: hpo.n_trials: {hpo.n_trials} is at most twice hpo.startup_trials: {hpo.startup_trials}, "
            "so most trials are random search"
        )
    return plan


def _run_trials(current: optuna.Study, objective: Objective, space: Space, job: Job) -> None:
    n_trials = job.params.hpo.n_trials
    parent = multiprocessing.parent_process()
    waits = False
    while len(study.finished(current)) < n_trials:
        if parent is not None and not parent.is_alive():
            raise SystemExit(1)
        study.give_up_dead(current)
        if len(study.counted(current)) < n_trials:
            objective.space = space
            current.optimize(objective, n_trials=1, catch=(Exception,))
            _stop_after_failures(current, job.params.hpo.max_failures)
        else:  # other processes run the last trials
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


def best(studies: Sequence[optuna.Study]) -> tuple[optuna.Study, FrozenTrial]:
    """Returns the best completed trial of all rounds, and its study.

    Raises:
        UserError: no trial was completed.
    """
    completed = [(current, trial) for current in studies for trial in current.get_trials(states=(TrialState.COMPLETE,))]
    if not completed:
        errors = [trial.user_attrs["error"] for current in studies for trial in study.finished(current)[-1:]
                  if "error" in trial.user_attrs]  # fmt: skip
        reason = f"the last failed: {errors[-1]}" if errors else "all were pruned: raise hpo.n_trials"
        raise UserError(f"no trial was completed; {reason}")
    return max(completed, key=lambda pair: pair[1].value or 0.0)

"""The Optuna study behind a search: its name, where it is kept, what its trials may be, and how many are left.

A study belongs to one question: whatever changes the answer is hashed into its name, so that trials of other settings
never mix. Several processes, of several machines, may work on one study; trials of a process that died are lost, and
made up for.
"""

import os
import socket
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import psutil
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from src.core.config import HpoParams, Range
from src.core.files import digest
from src.core.user_errors import UserError

Space = Mapping[str, Sequence[Any] | Range]
HEARTBEAT = 10  # seconds between signs of life of a trial in a data base
CLOCK = 5  # seconds by which the clock of a machine may be set right while a search runs
ATTEMPTS = 3  # to open a storage
GRACE = 60  # seconds without one, or without a word of its process, after which a trial is given up


def name(label: str, settings: Mapping[str, Any], data: Sequence[Path]) -> str:
    """Returns the name of the study that answers one question.

    Args:
        label: what a person calls it, such as the model and the task.
        settings: all that changes what a trial is or how it is chosen, but not how many there are.
        data: the files that trials learn from.
    """
    return f"{label}-{digest(settings, data)[:12]}"


def storage(where: str | None, folder: Path) -> BaseStorage:
    """Opens the storage of studies.

    Args:
        where: URL of a data base, path of a journal file (*.log), or None for SQLite in `folder`; paths are relative
            to the parent of `folder`, which outlives the folder of a queued experiment.

    Raises:
        UserError: the storage cannot be opened.
    """
    if where is None:
        folder.mkdir(parents=True, exist_ok=True)
        where = f"sqlite:///{(folder / 'studies.db').resolve()}"
    elif "://" not in where:
        where = str((folder.parent / where).resolve())
    elif where.startswith("sqlite:///"):
        where = f"sqlite:///{(folder.parent / where.removeprefix('sqlite:///')).resolve()}"
    attempt = 1
    while True:
        try:
            return _open(where)
        except Exception as error:  # whatever the driver of the data base raises
            if attempt == ATTEMPTS:
                raise UserError(f"hpo.storage: {where} cannot be opened: {error}") from error
            attempt += 1
            time.sleep(0.5)  # of two processes that make the tables at once one fails; then they are there


def _open(where: str) -> BaseStorage:
    if "://" not in where:
        return JournalStorage(JournalFileBackend(where))
    waiting = {"connect_args": {"timeout": 60}} if where.startswith("sqlite") else {}  # for other writers
    with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
        return RDBStorage(where, engine_kwargs=waiting, heartbeat_interval=HEARTBEAT, grace_period=GRACE)


def sampler(params: HpoParams, number: int) -> optuna.samplers.BaseSampler:
    """Makes the sampler of one trial: its seed is the trial's own, so that no process or restart repeats a draw."""
    seed = (params.seed + number) % 2**32
    if params.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=params.startup_trials)


def open_study(study_name: str, kept_in: BaseStorage, params: HpoParams) -> optuna.Study:
    """Opens a study, or begins it."""
    pruners = {
        "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=params.startup_trials),
        "hyperband": lambda: optuna.pruners.HyperbandPruner(),
        "none": lambda: optuna.pruners.NopPruner(),
    }
    return optuna.create_study(
        study_name=study_name,
        storage=kept_in,
        sampler=sampler(params, number=0),
        pruner=pruners[params.pruner](),
        direction="maximize",
        load_if_exists=True,
    )


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the trials that are running, or have ended by themselves: well, pruned, or with an error."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state != TrialState.FAIL or "error" in trial.user_attrs
    ]


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the counted trials that have ended."""
    return [trial for trial in counted(study) if trial.state.is_finished()]


def give_up_dead(study: optuna.Study) -> None:
    """Marks running trials as lost whose process is dead, on this machine; on others, by their missing heartbeat.

    One whose process has not said which it is has died as it began, where that is long ago.
    """
    with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
        optuna.storages.fail_stale_trials(study)  # does nothing where the storage keeps no heartbeats
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        process = trial.user_attrs.get("process")
        assert trial.datetime_start is not None  # it runs
        begun_long_ago = datetime.now() - trial.datetime_start > timedelta(seconds=GRACE)
        if (
            begun_long_ago
            if process is None
            else process.startswith(f"{socket.gethostname()}:") and not _alive(process)
        ):
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def this_process() -> str:
    """Names this process among all machines and times: host, number, start."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _alive(process: str) -> bool:
    _, pid, started = process.rsplit(":", 2)
    return abs(_started(int(pid)) - float(started)) < CLOCK


def _started(pid: int) -> float:
    """When a process of this machine started, for its number is soon given to another; 0 for one that is gone."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return 0.0


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Draws a value for each key of the space."""
    values = {}
    for key, domain in space.items():
        if not isinstance(domain, Range):
            values[key] = trial.suggest_categorical(key, list(domain))
        elif isinstance(domain.low, int) and isinstance(domain.high, int):
            values[key] = trial.suggest_int(key, domain.low, domain.high, step=int(domain.step or 1), log=domain.log)
        else:
            values[key] = trial.suggest_float(key, domain.low, domain.high, step=domain.step, log=domain.log)
    return values


def narrowed(space: Space, trials: Sequence[FrozenTrial]) -> dict[str, Sequence[Any] | Range]:
    """Returns the space with each range cut down to what the best quarter of the trials (at least two) drew.

    Lists of values stay as they are.
    """
    if len(trials) < 2:
        return dict(space)
    best = sorted(trials, key=lambda trial: (-(trial.value or 0.0), trial.number))[: max(2, len(trials) // 4)]
    found: dict[str, Sequence[Any] | Range] = dict(space)
    for key, domain in space.items():
        if isinstance(domain, Range):
            drawn = [trial.params[key] for trial in best]
            if min(drawn) < max(drawn):
                found[key] = domain.model_copy(update={"low": min(drawn), "high": max(drawn)})
    return found

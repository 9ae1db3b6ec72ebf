"""The Optuna study of a search: its name, its storage, its search space, and the trials that count.

The name of a study contains a hash of everything that changes its results, so trials of different settings never mix.
Several processes on several machines can share one study. Trials of a process that died are lost and are replaced.
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
HEARTBEAT = 10  # seconds between the heartbeats of a trial in a database
CLOCK = 5  # seconds by which the clock of a machine may be corrected during a search
ATTEMPTS = 3  # to open a storage
GRACE = 60  # seconds without a heartbeat, or without the name of its process, after which a trial counts as lost


def name(label: str, settings: Mapping[str, Any], data: Sequence[Path]) -> str:
    """Returns the name of a study: a label and a hash.

    Args:
        label: the readable part, for example the model and the task.
        settings: everything that changes the trials or their choice, but not their number.
        data: the files that trials train on.
    """
    return f"{label}-{digest(settings, data)[:12]}"


def storage(location: str | None, folder: Path) -> BaseStorage:
    """Opens the storage of studies.

    Args:
        location: URL of a database, path of a journal file (*.log), or None for SQLite in `folder`. Paths are relative
            to the parent of `folder`: the folder of a queued experiment is deleted after its run.

    Raises:
        UserError: the storage cannot be opened.
    """
    if location is None:
        folder.mkdir(parents=True, exist_ok=True)
        location = f"sqlite:///{(folder / 'studies.db').resolve()}"
    elif "://" not in location:
        location = str((folder.parent / location).resolve())
    elif location.startswith("sqlite:///"):
        location = f"sqlite:///{(folder.parent / location.removeprefix('sqlite:///')).resolve()}"
    attempt = 1
    while True:
        try:
            return _open(location)
        except Exception as error:  # each database driver raises its own class
            if attempt == ATTEMPTS:
                raise UserError(f"hpo.storage: {location} cannot be opened: {error}") from error
            attempt += 1
            time.sleep(0.5)  # if two processes create the tables at the same time, one fails; the retry succeeds


def _open(location: str) -> BaseStorage:
    if "://" not in location:
        return JournalStorage(JournalFileBackend(location))
    engine = {"connect_args": {"timeout": 60}} if location.startswith("sqlite") else {}  # waits for other writers
    with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
        return RDBStorage(location, engine_kwargs=engine, heartbeat_interval=HEARTBEAT, grace_period=GRACE)


def sampler(params: HpoParams, number: int) -> optuna.samplers.BaseSampler:
    """Creates the sampler of one trial. Each trial has its own seed, so no process or restart repeats a draw."""
    seed = (params.seed + number) % 2**32
    if params.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=params.startup_trials)


def open_study(study_name: str, storage: BaseStorage, params: HpoParams) -> optuna.Study:
    """Opens a study; creates it if it does not exist."""
    pruners = {
        "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=params.startup_trials),
        "hyperband": lambda: optuna.pruners.HyperbandPruner(),
        "none": lambda: optuna.pruners.NopPruner(),
    }
    return optuna.create_study(
        study_name=study_name,
        storage=storage,
        sampler=sampler(params, number=0),
        pruner=pruners[params.pruner](),
        direction="maximize",
        load_if_exists=True,
    )


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the trials that run, are completed or pruned, or failed with an error; lost trials do not count."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state != TrialState.FAIL or "error" in trial.user_attrs
    ]


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the counted trials that have ended."""
    return [trial for trial in counted(study) if trial.state.is_finished()]


def give_up_dead(study: optuna.Study) -> None:
    """Marks running trials as lost if their process is dead (this machine) or their heartbeat stopped (all machines).

    A trial that has not stored the name of its process after GRACE seconds died at its start.
    """
    with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
        optuna.storages.fail_stale_trials(study)  # does nothing if the storage has no heartbeats
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        process = trial.user_attrs.get("process")
        assert trial.datetime_start is not None  # every running trial has a start
        started_long_ago = datetime.now() - trial.datetime_start > timedelta(seconds=GRACE)
        if (
            started_long_ago
            if process is None
            else process.startswith(f"{socket.gethostname()}:") and not _alive(process)
        ):
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def this_process() -> str:
    """Returns a unique name of this process: host, process id, start time."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _alive(process: str) -> bool:
    _, pid, started = process.rsplit(":", 2)
    return abs(_started(int(pid)) - float(started)) < CLOCK


def _started(pid: int) -> float:
    """The start time of a process of this machine (process ids are reused); 0 if the process has ended."""
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
    """Returns the space with each range reduced to the values of the best quarter of the trials (at least two).

    Lists of values do not change.
    """
    if len(trials) < 2:
        return dict(space)
    best = sorted(trials, key=lambda trial: (-(trial.value or 0.0), trial.number))[: max(2, len(trials) // 4)]
    narrowed_space: dict[str, Sequence[Any] | Range] = dict(space)
    for key, domain in space.items():
        if isinstance(domain, Range):
            drawn = [trial.params[key] for trial in best]
            if min(drawn) < max(drawn):
                narrowed_space[key] = domain.model_copy(update={"low": min(drawn), "high": max(drawn)})
    return narrowed_space

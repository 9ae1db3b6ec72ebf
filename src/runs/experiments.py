"""Reads the experiments of a commit from DVC: parameters, scores, predictions, and the reasons for missing results.

Nothing is checked out. The workspace and a running queue are not changed.
"""

import json
import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dvc.api import DVCFileSystem

from src.analysis import grouping
from src.analysis.grouping import Run
from src.core.files import read_yaml
from src.core.user_errors import UserError, unknown_name
from src.runs.dvc_internals import DVC_ERRORS, Repo, collect_rev, collect_successful, log_of, queued, resolve_rev
from src.runs.paths import BEST, METRICS, PARAMS


class NoExperimentsError(UserError):
    """A commit has no experiments, which is not always an error. The message lists commits that have experiments."""


@dataclass(frozen=True)
class Experiment:
    """An experiment, as DVC recorded it.

    Attributes:
        state: success, failed, queued, running or lost. A lost experiment finished successfully but has no result.
        log: log of its worker, if the worker has started.
        commit: the commit that has its result.
    """

    state: str
    run: Run
    log: Path | None = None
    commit: str | None = None


def experiments(rev: str) -> tuple[list[Experiment], Mapping[str, Any]]:
    """Lists the experiments of a commit. The commit itself and the workspace are not included.

    Returns:
        The experiments, and the parameters of the commit itself.

    Raises:
        NoExperimentsError: the commit has no experiments.
        UserError: this is not a DVC repository with Git, or there is no such commit.
    """
    try:
        with Repo() as repo:
            commit = resolve_rev(repo.scm, rev)
            tasks = _tasks(repo, commit)  # before the results: a task that finishes in between is not lost
            results = [_result(state) for state in collect_successful(repo, [commit])[commit]]
            elsewhere = {} if tasks or results else repo.experiments.ls(all_commits=True)
            baseline = _params(collect_rev(repo, commit))
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot list experiments: {error}") from error
    if not (tasks or results):
        commits = ", ".join(f"{commit[:7]} ({len(names)})" for commit, names in elsewhere.items())
        raise NoExperimentsError(
            f"no experiments on {rev}; an experiment belongs to the commit from which it was queued. "
            + (
                f"Commits with experiments: {commits}; select one with --rev"
                if commits
                else "No commit has experiments"
            )
        )
    ended = [task.run for task in tasks if task.state == "success"]
    unfinished = [task for task in tasks if task.state != "success"]
    return [*results, *unfinished, *_lost(ended, [result.run for result in results])], baseline


def _tasks(repo: Repo, commit: str) -> list[Experiment]:
    """Lists the tasks of the queue, without scores. `dvc queue remove` deletes tasks from it."""
    tasks: dict[str, Experiment] = {}
    for state, entry in queued(repo):  # a task that changes its state meanwhile comes twice; the later state counts
        if entry.baseline_rev == commit:
            run = Run(entry.name or entry.stash_rev[:7], _params(collect_rev(repo, entry.stash_rev)))
            tasks[entry.stash_rev] = Experiment(state, run, log_of(repo, entry))
    return list(tasks.values())


def _result(state: Any) -> Experiment:
    """Builds an experiment that finished successfully, in the queue or in the workspace, from its commit."""
    newest = state.revs[0]
    data = newest.data
    return Experiment(
        "success",
        Run(
            name=state.name,
            params=_params(newest),
            scores=data.metrics.get(METRICS, {}).get("data") or {} if data else {},
            sources=_sources(data) if data else {},
            created=data.timestamp.timestamp() if data and data.timestamp else 0.0,
        ),
        commit=newest.rev,
    )


def _lost(tasks: Sequence[Run], results: Sequence[Run]) -> list[Experiment]:
    """Returns the tasks that finished successfully and have no result, because DVC keeps one result for each name.

    Args:
        tasks: finished tasks. Their parameters are empty if Git has deleted the queued commit.
    """
    names = [run.name for run in results]
    known = [run.params for run in results]
    lost = []
    for task in tasks:
        if task.params in known:
            continue  # the result may have another name, if the task was queued again
        if not task.params and task.name in names:
            names.remove(task.name)  # a result has this name; assume that it belongs to this task
            continue
        lost.append(Experiment("lost", task))
    return lost


def _params(state: Any) -> dict[str, Any]:
    """Returns the parameters of a revision from params.yaml, without prices, because they change no result.

    Parameters of metrics/hpo are not included, because a stage set them and not a person.
    """
    params = (state.data.params.get(PARAMS, {}).get("data") or {}) if state.data else {}
    return grouping.flatten({name: value for name, value in params.items() if name != "cost"})


def _sources(data: Any) -> dict[str, str]:
    """Returns the hashes of the files that the stages of an experiment read and did not write."""
    outputs = [Path(path) for path, out in data.outs.items() if not out.is_data_source]
    return {
        path: dep.hash
        for path, dep in data.deps.items()
        if dep.hash and not any(Path(path).is_relative_to(out) for out in outputs)
    }


def unfinished(experiments: Sequence[Experiment], baseline: Mapping[str, Any]) -> list[str]:
    """Returns one line for each experiment without a result: the reason, and what to do."""
    results = [experiment.run.params for experiment in experiments if experiment.state == "success"]
    lines = []
    for experiment in experiments:
        name, params, state = experiment.run.name, experiment.run.params, experiment.state
        changed = {key: value for key, value in params.items() if baseline.get(key) != value}
        label = f"{name} ({grouping.format_params(changed)})" if changed else name
        again = f"; queue it again: dvc exp run --queue{_options(changed, baseline)}" if params else ""
        if state in ("queued", "running"):
            lines.append(f"{label} is {state} and not in the table")
        elif state == "failed" and params not in results:  # else a later run with these parameters has a result
            lines.append(f"{label} failed: {_reason(experiment.log)}. See: dvc queue logs {name}{again}")
        elif state == "lost":
            lines.append(f"{label} IS LOST: it finished successfully, but DVC keeps one result for each name{again}")
    if lost := sum(experiment.state == "lost" for experiment in experiments):
        finished = sum(experiment.state in ("success", "lost") for experiment in experiments)
        lines.append(
            f"RESULTS ARE MISSING: of {finished} experiments that finished successfully, {lost} have no result"
        )
    return lines


def _options(changed: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """Returns the options of `dvc exp run` that set these parameters. A plus adds a key that is not in params.yaml."""
    options = ""
    for key, value in changed.items():
        text = grouping.format_value(value)
        if isinstance(value, str) and not re.fullmatch(r"[\w./+-]+", value):
            text = json.dumps(value, ensure_ascii=False)  # for Hydra: one value, not a sweep or a list
        plus = "" if key in baseline else "+"
        options += " -S " + shlex.quote(f"{plus}{key}={text}")
    return options


def _reason(log: Path | None) -> str:
    """Returns the last error line of the stage in a log. DVC's own lines (ERROR: ...) do not give the reason."""
    if log is None or not log.is_file():
        return "there is no log, so it failed before its first stage"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    of_stage = [line for line in lines if line and not line.startswith("ERROR:")]
    errors = [line for line in of_stage if re.match(r"error:|[\w.]*(Error|Exception|Interrupt)\b", line)]
    statuses = [int(match[1]) for line in lines if (match := re.search(r"exited with (-?\d+)$", line))]
    signals = [
        f"killed by signal {-status if status < 0 else status - 128}"
        for status in statuses
        if status < 0 or status > 128
    ]  # a shell adds 128
    reasons = errors or signals or of_stage or ["its log is empty"]
    return textwrap.shorten(reasons[-1], 200, placeholder=" …").rstrip(".")


def locked_params(lock: Path) -> dict[str, Any]:
    """Returns the parameters of the run from dvc.lock, with the overrides of the stage hpo."""
    params: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    for stage in read_yaml(lock)["stages"].values():
        params |= grouping.flatten(stage.get("params", {}).get(PARAMS, {}))
        overrides |= stage.get("params", {}).get(BEST, {}).get("overrides", {})
    return params | grouping.flatten({"train": overrides})


def changes() -> dict[str, set[str]]:
    """Returns {stage: changed files} of the stages whose results are not up to date.

    If only the command has changed, the set of files is empty.

    Raises:
        UserError: this is not a DVC repository.
    """
    try:
        with Repo() as repo:
            return {
                stage: {
                    path for entry in status if isinstance(entry, dict) for paths in entry.values() for path in paths
                }
                for stage, status in repo.status().items()
            }
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot check whether the results are up to date: {error}") from error


def check_here() -> None:
    """Checks that the current folder is the root of the DVC repository, because all paths are relative to it.

    Raises:
        UserError: it is not the root.
    """
    try:
        root = Path(Repo.find_root())
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot find the project: {error}") from error
    if not root.samefile(Path()):
        raise UserError(f"the current folder is not the root of the project; run the command in {root}")


def commit_of(name: str) -> str:
    """Returns the commit of an experiment or of a Git revision.

    Raises:
        UserError: this is not a DVC repository, or the name is unknown.
    """
    try:
        with Repo() as repo:
            known = [experiment for names in repo.experiments.ls(all_commits=True).values() for experiment, _ in names]
            try:
                return str(resolve_rev(repo.scm, name))
            except DVC_ERRORS as error:
                raise unknown_name("experiment or revision", name, [*known, "a Git revision"]) from error
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot look up experiments: {error}") from error


def cache_folder() -> Path:
    """Returns the folder of DVC's cache.

    Raises:
        UserError: this is not a DVC repository.
    """
    try:
        with Repo() as repo:
            return Path(repo.cache.local.path)
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot find its cache: {error}") from error


@contextmanager
def fetched(commit: str, *paths: str) -> Iterator[Path]:
    """Yields a folder with copies of the paths that exist in a commit. They come from Git, the cache or the remote.

    Raises:
        UserError: a file belongs to the commit but cannot be found.
    """
    path = ""
    with TemporaryDirectory() as folder:
        try:
            with closing(DVCFileSystem(rev=commit)) as files:
                for path in filter(files.exists, paths):
                    copy = Path(folder) / path
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    files.get(path, str(copy), recursive=True)
        except DVC_ERRORS as error:
            raise UserError(
                f"{path} of {commit[:7]} is not in Git, the cache or the remote: {error}. Where it was written, run "
                "dvc push, or dvc exp push <git remote> <name> for an experiment. Then run here dvc fetch, or dvc "
                "exp pull <git remote> <name>"
            ) from error
        yield Path(folder)

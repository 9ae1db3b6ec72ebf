"""What DVC knows of the experiments of a commit: parameters, scores, predictions, and why some have no result.

Nothing is checked out; the workspace and a running queue stay as they are.
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
    """A commit has no experiments, which need not be an error; the message says which commits have."""


@dataclass(frozen=True)
class Experiment:
    """What DVC knows of one experiment.

    Attributes:
        state: success, failed, queued, running; or lost: it ended with success, and there is no result of it.
        log: what its worker printed, if it came so far.
        commit: where its result is.
    """

    state: str
    run: Run
    log: Path | None = None
    commit: str | None = None


def experiments(rev: str) -> tuple[list[Experiment], Mapping[str, Any]]:
    """Asks DVC for the experiments of a commit; the commit itself and the workspace are none.

    Returns:
        The experiments, and the parameters of the commit itself.

    Raises:
        NoExperimentsError: a commit without experiments.
        UserError: no DVC repository, no Git, no such commit.
    """
    try:
        with Repo() as repo:
            commit = resolve_rev(repo.scm, rev)
            tasks = _tasks(repo, commit)  # before the results: what ends in between is then no cause for alarm
            results = [_result(found) for found in collect_successful(repo, [commit])[commit]]
            elsewhere = {} if tasks or results else repo.experiments.ls(all_commits=True)
            baseline = _params(collect_rev(repo, commit))
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot list experiments: {error}") from error
    if not (tasks or results):
        commits = ", ".join(f"{commit[:7]} ({len(names)})" for commit, names in elsewhere.items())
        raise NoExperimentsError(
            f"no experiments on {rev}; they belong to the commit that they were queued from"
            + (f", and are on: {commits}. Name one with --rev" if commits else ", and no commit has any")
        )
    ended = [task.run for task in tasks if task.state == "success"]
    unfinished = [task for task in tasks if task.state != "success"]
    return [*results, *unfinished, *_lost(ended, [result.run for result in results])], baseline


def _tasks(repo: Repo, commit: str) -> list[Experiment]:
    """Lists the tasks of the queue, which are forgotten by `dvc queue remove`; those that ended have no scores here."""
    tasks: dict[str, Experiment] = {}
    for state, entry in queued(repo):  # a task that moves on meanwhile comes twice; its later state counts
        if entry.baseline_rev == commit:
            run = Run(entry.name or entry.stash_rev[:7], _params(collect_rev(repo, entry.stash_rev)))
            tasks[entry.stash_rev] = Experiment(state, run, log_of(repo, entry))
    return list(tasks.values())


def _result(found: Any) -> Experiment:
    """An experiment that ended with success, in the queue or in the workspace, by what DVC keeps of it in Git."""
    newest = found.revs[0]
    data = newest.data
    return Experiment(
        "success",
        Run(
            name=found.name,
            params=_params(newest),
            scores=data.metrics.get(METRICS, {}).get("data") or {} if data else {},
            sources=_sources(data) if data else {},
            created=data.timestamp.timestamp() if data and data.timestamp else 0.0,
        ),
        commit=newest.rev,
    )


def _lost(tasks: Sequence[Run], results: Sequence[Run]) -> list[Experiment]:
    """Finds the tasks of the queue that ended with success and have no result: DVC keeps one result per name.

    Args:
        tasks: their parameters are empty where Git has thrown away what was queued.
    """
    names = [run.name for run in results]
    known = [run.params for run in results]
    lost = []
    for task in tasks:
        if task.params in known:
            continue  # also when it was queued again, under another name
        if not task.params and task.name in names:
            names.remove(task.name)  # one of its name is there; take it for this one
            continue
        lost.append(Experiment("lost", task))
    return lost


def _params(state: Any) -> dict[str, Any]:
    """The parameters of one revision, without prices, which change no result, and without those of metrics/hpo.

    The latter were chosen by a stage, and not by a person.
    """
    found = (state.data.params.get(PARAMS, {}).get("data") or {}) if state.data else {}
    return grouping.flatten({name: value for name, value in found.items() if name != "cost"})


def _sources(data: Any) -> dict[str, str]:
    """The hashes of what an experiment's stages read and did not write."""
    made = [Path(path) for path, out in data.outs.items() if not out.is_data_source]
    return {
        path: dep.hash
        for path, dep in data.deps.items()
        if dep.hash and not any(Path(path).is_relative_to(out) for out in made)
    }


def unfinished(experiments: Sequence[Experiment], baseline: Mapping[str, Any]) -> list[str]:
    """Names the experiments that have no result, and says why and what to do; not those that have one by now."""
    results = [found.run.params for found in experiments if found.state == "success"]
    lines = []
    for found in experiments:
        name, params = found.run.name, found.run.params
        changed = {key: value for key, value in params.items() if baseline.get(key) != value}
        label = f"{name} ({grouping.format_params(changed)})" if changed else name
        again = f"; queue it again: dvc exp run --queue{_options(changed, baseline)}" if params else ""
        if found.state in ("queued", "running"):
            lines.append(f"{label} is {found.state} and not in the table")
        elif found.state == "failed" and params not in results:
            lines.append(f"{label} failed: {_reason(found.log)}. See: dvc queue logs {name}{again}")
        elif found.state == "lost":
            lines.append(f"{label} IS LOST: it ended with success, but DVC keeps one result per name{again}")
    if lost := sum(found.state == "lost" for found in experiments):
        ended = sum(found.state in ("success", "lost") for found in experiments)
        lines.append(f"RESULTS ARE MISSING: of {ended} experiments that ended with success, {lost} have no result")
    return lines


def _options(changed: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """The options of `dvc exp run` that change these parameters; a key that params.yaml lacks is added by a plus."""
    options = ""
    for key, value in changed.items():
        spelt = grouping.format_value(value)
        if isinstance(value, str) and not re.fullmatch(r"[\w./+-]+", value):
            spelt = json.dumps(value, ensure_ascii=False)  # for Hydra: one value, not a sweep or a list
        plus = "" if key in baseline else "+"
        options += " -S " + shlex.quote(f"{plus}{key}={spelt}")
    return options


def _reason(log: Path | None) -> str:
    """The last line of a log that reads like an error of the stage; what DVC says of it (ERROR: ...) tells nothing."""
    if log is None or not log.is_file():
        return "no log, so before its first stage"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    own = [line for line in lines if line and not line.startswith("ERROR:")]
    errors = [line for line in own if re.match(r"error:|[\w.]*(Error|Exception|Interrupt)\b", line)]
    statuses = [int(found[1]) for line in lines if (found := re.search(r"exited with (-?\d+)$", line))]
    signals = [
        f"killed by signal {-i if i < 0 else i - 128}" for i in statuses if i < 0 or i > 128
    ]  # 128 +: by a shell
    reasons = errors or signals or own or ["its log is empty"]
    return textwrap.shorten(reasons[-1], 200, placeholder=" …").rstrip(".")


def locked_params(lock: Path) -> dict[str, Any]:
    """The parameters that the stages ran with, as dvc.lock has them, with the overrides of the hpo stage."""
    found: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    for stage in read_yaml(lock)["stages"].values():
        found |= grouping.flatten(stage.get("params", {}).get(PARAMS, {}))
        overrides |= stage.get("params", {}).get(BEST, {}).get("overrides", {})
    return found | grouping.flatten({"train": overrides})


def changed_stages() -> list[str]:
    """Returns the stages whose results are not those of the workspace as it is.

    Raises:
        UserError: this is no DVC repository.
    """
    return sorted(changes())


def changes() -> dict[str, set[str]]:
    """Returns, of each stage whose results are not those of the workspace as it is, the files that have changed.

    A changed command has no file.

    Raises:
        UserError: this is no DVC repository.
    """
    try:
        with Repo() as repo:
            return {
                stage: {path for found in what if isinstance(found, dict) for paths in found.values() for path in paths}
                for stage, what in repo.status().items()
            }
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot say whether the results are up to date: {error}") from error


def check_here() -> None:
    """Checks that this folder is the root of a DVC repository, which paths of the project are relative to.

    Raises:
        UserError: it is not.
    """
    try:
        root = Path(Repo.find_root())
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot find the project: {error}") from error
    if not root.samefile(Path()):
        raise UserError(f"this is a folder inside of the project; run the command in {root}")


def commit_of(name: str) -> str:
    """Returns the commit of an experiment's name, or of a revision of Git.

    Raises:
        UserError: this is no DVC repository, or there is no such name.
    """
    try:
        with Repo() as repo:
            known = [found for names in repo.experiments.ls(all_commits=True).values() for found, _ in names]
            try:
                return str(resolve_rev(repo.scm, name))
            except DVC_ERRORS as error:
                raise unknown_name("experiment or revision", name, [*known, "a revision of Git"]) from error
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot look up experiments: {error}") from error


def cache_folder() -> Path:
    """Returns where DVC keeps what it has versions of.

    Raises:
        UserError: this is no DVC repository.
    """
    try:
        with Repo() as repo:
            return Path(repo.cache.local.path)
    except DVC_ERRORS as error:
        raise UserError(f"DVC cannot say where its cache is: {error}") from error


@contextmanager
def fetched(commit: str, *paths: str) -> Iterator[Path]:
    """Yields a folder with those files and folders of the project that a commit has: from Git, the cache, the remote.

    Raises:
        UserError: a file belongs to the commit and is in none of them.
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
                f"{path} of {commit[:7]} is not in Git, the cache or the remote: {error}. Where it was made: dvc push, "
                "or of an experiment dvc exp push <git remote> <name>; here then: dvc fetch, or dvc exp pull <git "
                "remote> <name>"
            ) from error
        yield Path(folder)

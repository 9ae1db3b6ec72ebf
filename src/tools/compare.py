"""Compares the experiments of a commit: mean and standard deviation over seeds, on seen and unseen, beside baselines.

    python -m src.tools.compare                        # a table for the terminal; --md, --latex, --csv, --json
    python -m src.tools.compare --rev HEAD~1           # experiments belong to the commit that they were queued from
    python -m src.tools.compare --over seed,prepare.fold

The table goes to standard output, and all that is missing or amiss to standard error.
"""

import argparse
import json
import re
import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.repo import Repo
from dvc.repo.experiments.collect import collect_rev
from scmrepo.exceptions import SCMError

from src.analysis import compare, tables
from src.analysis.compare import Run
from src.errors import UserError, run

PARAMS = "params.yaml"
METRICS = "metrics/evaluate.json"
ATTEMPTS = 6  # half a second apart


@dataclass(frozen=True)
class Experiment:
    """What DVC knows of one experiment.

    Attributes:
        state: success, failed, queued, running; or lost: it ended with success, and there is no result of it.
        log: what its worker printed, if it came so far.
    """

    state: str
    run: Run
    log: Path | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rev", default="HEAD", help="the commit whose experiments are compared; default: HEAD")
    parser.add_argument(
        "--over",
        action="append",
        metavar="PARAM",
        help="parameter to average over, such as prepare.fold; several: with commas, or --over again; default: seed",
    )
    form = parser.add_mutually_exclusive_group()
    for name in tables.FORMATS:
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=f"print {name}")
    parser.set_defaults(form="text")
    arguments = parser.parse_args()
    over = list(dict.fromkeys(",".join(arguments.over or ["seed"]).split(",")))

    found, baseline = experiments(arguments.rev)
    amiss = unfinished(found, baseline)
    try:
        compared = compare.compare([experiment.run for experiment in found if experiment.state == "success"], over)
    except UserError:
        _warn(amiss)
        raise
    compared = replace(compared, warnings=[*amiss, *compared.warnings])
    _warn(compared.warnings)
    print(tables.FORMATS[arguments.form](compared))


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"WARNING: {warning}", file=sys.stderr)


def experiments(rev: str) -> tuple[list[Experiment], Mapping[str, Any]]:
    """Asks DVC for the experiments of a commit; the commit itself and the workspace are none.

    Returns:
        The experiments, and the parameters of the commit itself.

    Raises:
        UserError: no DVC repository, no Git, no such commit, a commit without experiments.
    """
    try:
        with Repo() as repo:
            baseline, queued, elsewhere = _ask(repo, rev)
    except (DvcException, SCMError, OSError) as error:
        raise UserError(f"DVC cannot list experiments: {error}") from error
    if baseline is None or not (baseline.experiments or queued):
        commits = ", ".join(f"{commit[:7]} ({len(names)})" for commit, names in elsewhere.items())
        raise UserError(
            f"no experiments on {rev}; they belong to the commit that they were queued from"
            + (f", and are on: {commits}. Name one with --rev" if commits else ", and no commit has any")
        )
    found = [_experiment(experiment) for experiment in baseline.experiments or []]
    tasks = [Run(name, _params(state)) for name, state in queued]
    results = [experiment.run for experiment in found if experiment.state == "success"]
    return [*found, *_lost(tasks, results)], _params(baseline)


def _ask(repo: Repo, rev: str) -> tuple[Any, list[tuple[str, Any]], Mapping[str, Any]]:
    """Returns the commit with its experiments, the tasks of the queue that ended with success, and all experiments."""
    for attempt in range(ATTEMPTS):
        try:
            # the queue first: what ends in between is then in the second answer alone, which is no cause for alarm
            ended = list(repo.experiments.celery_queue.iter_success())
            shown = repo.experiments.show(revs=rev, hide_workspace=True)
            break
        except (NotDvcRepoError, OSError):  # a worker was about to make or to remove the folder of an experiment
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.5)
    baseline = shown[0] if shown else None
    own = [task for task in ended if baseline and task.entry.baseline_rev == baseline.rev]
    queued = [(task.result.ref_info.name, collect_rev(repo, task.entry.stash_rev)) for task in own]
    return baseline, queued, repo.experiments.ls(all_commits=True)


def _experiment(found: Any) -> Experiment:
    newest, executor = found.revs[0], found.executor
    data, name = newest.data, found.name or newest.rev[:7]
    state = executor.state if executor else "success"  # None: never in the queue, or not any more
    # a failed experiment has the metrics of the commit that it started from: they are not its own
    metrics = data.metrics.get(METRICS, {}).get("data") if data and state == "success" else None
    return Experiment(
        state=state,
        run=Run(
            name=name,
            params=_params(newest),
            scores=metrics or {},
            sources=_sources(data) if data else {},
            created=data.timestamp.timestamp() if data and data.timestamp else 0.0,
        ),
        log=Path(executor.local.log) if executor and executor.local and executor.local.log else None,
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
    """The parameters of one revision; those of metrics/hpo are not among them: a stage chose them, and not a person."""
    return compare.flatten(state.data.params.get(PARAMS, {}).get("data") or {}) if state.data else {}


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
        label = f"{name} ({compare.spelled(changed)})" if changed else name
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
        spelt = compare.spell(value)
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
    reasons = errors or own or ["its log is empty"]
    return reasons[-1][:200].rstrip(".")


if __name__ == "__main__":
    run(main)

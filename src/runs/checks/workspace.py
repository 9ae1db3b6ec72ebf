"""Checks that apply only to the workspace: up-to-date results, the queue, the disk."""

import shutil
from collections import Counter
from pathlib import Path

from src.core.check_result import CheckResult
from src.runs import experiments
from src.runs.checks.reporting import NotApplicableError
from src.runs.checks.subject import Subject
from src.runs.experiments import NoExperimentsError

KEPT = ("models", "metrics", ".checkpoints", ".studies")
LEAST_FREE = 5.0  # GiB; a run with a base encoder writes about 3 GiB


def stages(subject: Subject) -> CheckResult:
    """The results are up to date with the code, the parameters and the data."""
    _in_workspace(subject)
    changed = sorted(experiments.changes())
    if changed:
        message = f"not up to date: {', '.join(changed)}; dvc status lists the changes, dvc repro runs the stages again"
        return CheckResult("warning", message, {"changed": changed})
    return CheckResult("ok", "results are up to date with code, parameters and data", {"changed": []})


def queue(subject: Subject) -> CheckResult:
    """No experiment of HEAD has failed, and no result is lost."""
    _in_workspace(subject)
    try:
        of_head, baseline = experiments.experiments("HEAD")
    except NoExperimentsError as error:
        raise NotApplicableError("no experiments on HEAD") from error
    states = Counter(experiment.state for experiment in of_head)
    lines = experiments.unfinished(of_head, baseline)
    return CheckResult(
        "warning" if states["failed"] or states["lost"] else "ok",
        "\n".join(["experiments of HEAD: " + ", ".join(f"{n} {state}" for state, n in states.items()), *lines]),
        {"states": dict(states), "unfinished": lines},
    )


def disk(subject: Subject) -> CheckResult:
    """The size of DVC's cache, models, metrics, checkpoints and studies, and the free space."""
    _in_workspace(subject)
    root = subject.root or Path()
    folders = {"DVC cache": experiments.cache_folder(), **{name: root / name for name in KEPT}}
    used = {name: round(_size(folder) / 2**20, 1) for name, folder in folders.items()}
    free = round(shutil.disk_usage(root).free / 2**30, 1)
    sizes = ", ".join(f"{name} {size:,} MiB" for name, size in used.items())
    return CheckResult(
        "warning" if free < LEAST_FREE else "ok",
        f"{sizes}; {free:,} GiB are free",
        {"used_mib": used, "free_gib": free},
        {"free_gib": LEAST_FREE},
    )


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _in_workspace(subject: Subject) -> None:
    if not subject.in_workspace:
        raise NotApplicableError("applies only to the workspace")

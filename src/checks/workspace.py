"""What belongs to the workspace alone: whether its results are of its code and parameters, the queue, the disk."""

import shutil
from collections import Counter
from pathlib import Path

from src import experiments
from src.checks.subject import Subject
from src.checks.verdict import NotApplicableError
from src.experiments import NoExperimentsError
from src.finding import Finding

KEPT = ("models", "metrics", ".checkpoints", ".studies")
LEAST_FREE = 5.0  # GiB; a run of a base encoder writes about 3


def stages(subject: Subject) -> Finding:
    """The results are those of the code, the parameters and the data as they are now."""
    _in_workspace(subject)
    changed = experiments.changed_stages()
    if changed:
        message = (
            f"changed since these results were made: {', '.join(changed)}; dvc status says what, dvc repro runs them"
        )
        return Finding("warning", message, {"changed": changed})
    return Finding("ok", "results are of the code, parameters and data as they are", {"changed": []})


def queue(subject: Subject) -> Finding:
    """No experiment of HEAD has failed or is lost."""
    _in_workspace(subject)
    try:
        found, baseline = experiments.experiments("HEAD")
    except NoExperimentsError as error:
        raise NotApplicableError("no experiments on HEAD") from error
    states = Counter(experiment.state for experiment in found)
    lines = experiments.unfinished(found, baseline)
    return Finding(
        "warning" if states["failed"] or states["lost"] else "ok",
        "\n".join(["experiments of HEAD: " + ", ".join(f"{n} {state}" for state, n in states.items()), *lines]),
        {"states": dict(states), "unfinished": lines},
    )


def disk(subject: Subject) -> Finding:
    """What DVC's cache, models, metrics, resumable trainings and studies take, and what is left."""
    _in_workspace(subject)
    root = subject.root or Path()
    folders = {"DVC cache": experiments.cache_folder(), **{name: root / name for name in KEPT}}
    used = {name: round(_size(folder) / 2**20, 1) for name, folder in folders.items()}
    free = round(shutil.disk_usage(root).free / 2**30, 1)
    spelt = ", ".join(f"{name} {size:,} MiB" for name, size in used.items())
    return Finding(
        "warning" if free < LEAST_FREE else "ok",
        f"{spelt}; {free:,} GiB are free",
        {"used_mib": used, "free_gib": free},
        {"free_gib": LEAST_FREE},
    )


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _in_workspace(subject: Subject) -> None:
    if not subject.in_workspace:
        raise NotApplicableError("of the workspace alone")

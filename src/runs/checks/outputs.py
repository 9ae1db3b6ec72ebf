"""Compares files with dvc.lock: no output is missing or changed, and the data have not changed since training."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from src.core.check_result import CheckResult
from src.runs.checks.reporting import NotApplicableError, red_flag_or_ok
from src.runs.checks.subject import PATHS, STAGES, Entry, Subject
from src.runs.dvc_internals import md5
from src.runs.paths import DATA, LOCK

REPAIR = "dvc checkout or dvc pull restores the outputs of dvc.lock; dvc repro computes them again"


def files(subject: Subject) -> CheckResult:
    """Every output exists and has its hash of dvc.lock. Of an experiment, only the outputs in PATHS are checked."""
    if subject.root is not None and not (subject.root / LOCK).exists():
        return CheckResult("red_flag", f"{LOCK} is missing, so no stage has run; run dvc repro")
    not_run = [f"stage {name} has not run; run dvc repro" for name in STAGES if name not in subject.stages]
    outs = {out.path: out for stage in subject.stages.values() for out in stage.outs}
    if not subject.in_workspace:
        outs = {path: out for path, out in outs.items() if path in PATHS}
    faults = list(_faults(subject, outs))
    return red_flag_or_ok(
        [*not_run, *faults, *([REPAIR] if faults else [])],
        f"{len(outs)} outputs exist, each with its hash of {LOCK}",
        outs=len(outs),
    )


def data(subject: Subject) -> CheckResult:
    """The prepared data are those on which the model was trained and evaluated."""
    deps = [
        dep
        for name in ("train", "evaluate")
        if name in subject.stages
        for dep in subject.stages[name].deps
        if Path(dep.path).is_relative_to(DATA)
    ]
    if not deps:
        raise NotApplicableError("no stage has read data yet")
    subject.path(DATA)
    recorded = {dep.path: dep for dep in deps}
    faults = [f"the model was trained or evaluated on other data: {fault}" for fault in _faults(subject, recorded)]
    return red_flag_or_ok(
        [*faults, *(["dvc repro trains a model on the present data"] if faults else [])],
        f"the model was trained and evaluated on these data ({recorded[DATA].md5[:7]})"
        if DATA in recorded
        else "the model was trained on these data",
        md5={path: dep.md5 for path, dep in recorded.items()},
    )


def _faults(subject: Subject, recorded: Mapping[str, Entry]) -> Iterator[str]:
    root = subject.path(LOCK).parent
    for path, entry in recorded.items():
        if not (root / path).exists():
            yield f"{path} is missing"
        elif (present := md5(root, path)) != entry.md5:
            yield f"{path} differs from {LOCK}: its hash is {present[:7]}, not {entry.md5[:7]}"

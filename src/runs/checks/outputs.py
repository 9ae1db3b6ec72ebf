"""Files against dvc.lock: everything that the stages wrote is there, and the data are those that the model saw."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from src.core.check_result import CheckResult
from src.runs.checks.reporting import NotApplicableError, red_flag_or_ok
from src.runs.checks.subject import PATHS, STAGES, Entry, Subject
from src.runs.dvc_internals import md5
from src.runs.paths import DATA, LOCK

TO_MEND = "dvc checkout or dvc pull brings back what dvc.lock names, dvc repro makes it anew"


def files(subject: Subject) -> CheckResult:
    """Every out of every stage is there, whole, as dvc.lock has its hash; of an experiment, those of PATHS."""
    if subject.root is not None and not (subject.root / LOCK).exists():
        return CheckResult("red_flag", f"{LOCK} is not there, so no stage has run: dvc repro")
    lacking = [f"stage {name} has not run: dvc repro" for name in STAGES if name not in subject.stages]
    outs = {out.path: out for stage in subject.stages.values() for out in stage.outs}
    if not subject.in_workspace:
        outs = {path: out for path, out in outs.items() if path in PATHS}
    faults = list(_faults(subject, outs))
    return red_flag_or_ok(
        [*lacking, *faults, *([TO_MEND] if faults else [])],
        f"{len(outs)} outs are there, each with the hash of {LOCK}",
        outs=len(outs),
    )


def data(subject: Subject) -> CheckResult:
    """The prepared data are those that the model was trained and evaluated on, and that prepare wrote."""
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
    found = {dep.path: dep for dep in deps}
    faults = [f"the model was trained or evaluated on other data: {fault}" for fault in _faults(subject, found)]
    return red_flag_or_ok(
        [*faults, *(["dvc repro trains it on these data"] if faults else [])],
        f"those that the model was trained and evaluated on ({found[DATA].md5[:7]})"
        if DATA in found
        else "those that the model was trained on",
        md5={path: dep.md5 for path, dep in found.items()},
    )


def _faults(subject: Subject, recorded: Mapping[str, Entry]) -> Iterator[str]:
    root = subject.path(LOCK).parent
    for path, entry in recorded.items():
        if not (root / path).exists():
            yield f"{path} is not there"
        elif (found := md5(root, path)) != entry.md5:
            yield f"{path} is not what {LOCK} names: its hash is {found[:7]}, not {entry.md5[:7]}"

"""What DVC knows of experiments; tests/tools/test_compare.py asks the real DVC.

pytest tests/runs/test_experiments.py
"""

from pathlib import Path

import pytest

from src.analysis.grouping import Run
from src.core.files import write_yaml
from src.runs import experiments
from src.runs.paths import BEST, PARAMS


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"model": "org/name", "seed": 1}, " -S model=org/name"),
        ({"seed": 3, "model": None}, " -S seed=3 -S model=null"),
        ({"model": "a,b"}, """ -S 'model="a,b"'"""),
        ({"train.trainer.optim": "adafactor"}, " -S +train.trainer.optim=adafactor"),
        ({"model": (1, "a")}, " -S 'model=[1, a]'"),
    ],
)
def test_parameters_are_spelt_for_dvc(params: dict[str, object], expected: str) -> None:
    baseline = {"model": "tiny", "seed": 1}
    changed = {key: value for key, value in params.items() if baseline.get(key) != value}
    assert experiments._options(changed, baseline) == expected


def test_the_last_line_of_a_log_that_reads_like_an_error_is_the_reason(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "error: early\nCUDA\ntorch.OutOfMemoryError: 3 GiB.\n 40%|##  \rERROR: failed to reproduce 'train'\n"
    )
    assert experiments._reason(log) == "torch.OutOfMemoryError: 3 GiB"
    log.write_text("Running stage\n 40%|##  \r 50%|##\nERROR: failed\n")
    assert experiments._reason(log) == "50%|##"
    for status in ("-9", "137"):
        log.write_text(
            f"Running stage\nKilled\nERROR: failed to reproduce 'train': failed to run: x, exited with {status}\n"
        )
        assert experiments._reason(log) == "killed by signal 9"
    log.write_text("")
    assert experiments._reason(log) == "its log is empty"
    assert experiments._reason(tmp_path / "none") == "there is no log, so it failed before its first stage"


def test_what_was_lost_is_counted_even_when_git_has_forgotten_what_was_queued() -> None:
    known = [Run("twice", {"seed": 1}), Run("other", {"seed": 3})]
    tasks = [Run("twice", {}), Run("twice", {}), Run("other", {"seed": 3})]
    assert [found.run.name for found in experiments._lost(tasks, known)] == ["twice"]


def test_the_parameters_of_a_run_are_those_of_its_lock_with_the_overrides_of_the_hpo_stage(tmp_path: Path) -> None:
    lock = {
        "hpo": {"params": {PARAMS: {"hpo": {"mode": "search"}}}},
        "train": {
            "params": {
                PARAMS: {"seed": 1, "train": {"epochs": 8, "batch_size": 32}},
                BEST: {"overrides": {"epochs": 3}},
            }
        },
        "evaluate": {},
    }
    write_yaml(tmp_path / "dvc.lock", {"schema": "2.0", "stages": lock})
    assert experiments.locked_params(tmp_path / "dvc.lock") == {
        "hpo.mode": "search", "seed": 1, "train.epochs": 3, "train.batch_size": 32,
    }  # fmt: skip

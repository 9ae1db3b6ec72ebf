"""Searches with the tiny encoder on a few rows.

pytest tests/search/test_rounds.py
"""

import csv
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from src import tasks
from src.core import config
from src.core.records import Example, write_examples
from src.core.user_errors import UserError
from src.models import encoders
from src.search import objective, rounds, study, trial_tables
from src.training.fit import fit as real_fit
from tests.conftest import ROOT, ParamsFile

FAST = {
    "hpo.mode": "search", "hpo.n_trials": 3, "hpo.startup_trials": 1, "train.max_length": 32,
    "hpo.space": {"learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}, "epochs": [1, 2]},
}  # fmt: skip

MakeJob = Any


@pytest.fixture
def job(params_file: ParamsFile, splits: dict[str, list[Example]], tmp_path: Path) -> MakeJob:
    """Makes a search on 16 rows: job({"hpo.n_trials": 5})."""

    def make(changes: dict[str, Any] | None = None) -> objective.Job:
        params = config.load(params_file({**FAST, **(changes or {})}))
        train, validation = splits["train"][:16], splits["validation"][:8]
        files = [tmp_path / "train.jsonl", tmp_path / "validation.jsonl"]
        for file, rows in zip(files, (train, validation), strict=True):
            write_examples(file, rows)
        return objective.Job(
            params=params,
            encoder=encoders.ENCODERS["tiny"],
            labels=tasks.label_sets(tasks.parse(params.task), train, ["Literal", "Figurative"]),
            train=train,
            validation=validation,
            files=files,
            folder=tmp_path / ".studies",
        )

    return make


def values(studies: Sequence[optuna.Study]) -> list[tuple[Any, Any]]:
    return [(trial.params, trial.value) for current in studies for trial in current.trials]


def test_equal_searches_find_equal_trials(job: MakeJob, tmp_path: Path) -> None:
    first = values(rounds.search(job()))
    (tmp_path / ".studies/studies.db").unlink()
    assert values(rounds.search(job())) == first
    assert len(first) == 3


def test_a_search_goes_on_to_the_total_of_trials(job: MakeJob) -> None:
    rounds.search(job({"hpo.n_trials": 2}))
    (current,) = rounds.search(job({"hpo.n_trials": 3}))
    assert len(current.trials) == 3


def test_how_evidence_is_read_and_pooled_can_be_searched(job: MakeJob) -> None:
    space = {"stride": [4, 12], "max_answer_length": [5, 20], "pooling": ["mean", "attention"], "epochs": [1]}
    (current,) = rounds.search(job({"task": "cls+evidence", "hpo.space": space, "hpo.n_trials": 4}))
    assert [trial.state.name for trial in study.finished(current)] == ["COMPLETE"] * 4
    assert all(0 <= trial.value <= 1 for trial in study.finished(current))


def test_modes_can_be_searched(job: MakeJob) -> None:
    space = {"mode": ["full", "frozen", "lora"], "epochs": [1]}
    (current,) = rounds.search(job({"hpo.space": space, "hpo.n_trials": 6}))
    assert [trial.state.name for trial in study.finished(current)] == ["COMPLETE"] * 6
    assert len({trial.params["mode"] for trial in study.finished(current)}) > 1


@pytest.mark.parametrize(
    "change", [{"hpo.seed": 7}, {"train.weight_decay": 0.5}, {"hpo.pruner": "none"}, {"hpo.space": {"epochs": [1]}}]
)
def test_changed_settings_never_meet_old_trials(change: dict[str, Any], job: MakeJob) -> None:
    before, after = job(), job(change)
    assert before.study_name(before.params.hpo.space) != after.study_name(after.params.hpo.space)


def test_the_number_of_trials_and_workers_and_the_thresholds_of_health_are_no_settings_of_a_study(job: MakeJob) -> None:
    judged = {"train.health.loss_ratio_red_flag": 9.0}
    before, after = job(), job({"hpo.n_trials": 50, "hpo.workers": 2, "seed": 5, **judged})
    assert before.study_name(before.params.hpo.space) == after.study_name(after.params.hpo.space)


def test_two_processes_share_a_study_and_make_no_trial_too_many(job: MakeJob) -> None:
    space = {"learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}, "epochs": [3]}
    made = job({"hpo.n_trials": 8, "hpo.space": space})
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=rounds.search, args=(made,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    (current,) = rounds.search(made)  # nothing is left to do
    done = study.finished(current)
    assert len(done) == 8
    assert len({trial.user_attrs["process"] for trial in done}) == 2
    assert len({trial.params["learning_rate"] for trial in done}) == 8, "two processes drew the same values"


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_that_goes_on_repeats_no_draw(sampler: str, job: MakeJob) -> None:
    rounds.search(job({"hpo.n_trials": 2, "hpo.sampler": sampler}))
    (current,) = rounds.search(job({"hpo.n_trials": 4, "hpo.sampler": sampler}))
    assert len({trial.params["learning_rate"] for trial in current.trials}) == 4


def test_a_search_whose_trials_all_fail_says_why(job: MakeJob) -> None:
    with pytest.raises(UserError, match=r"no trial was completed; the last failed: UserError: train\.max_length: 600"):
        rounds.best(rounds.search(job({"hpo.n_trials": 2, "train.max_length": 600, "hpo.space": {"epochs": [1]}})))


def test_the_helpers_of_a_search_end_with_it(job: MakeJob) -> None:
    (current,) = rounds.search(job({"hpo.workers": 2}))
    assert len(study.finished(current)) == 3
    assert not multiprocessing.active_children()


def test_a_hopeless_trial_is_pruned_after_its_first_epochs(job: MakeJob) -> None:
    space = {"learning_rate": [1e-3, 1e-12], "epochs": [6]}
    made = job({"hpo.space": space, "hpo.n_trials": 1, "train.early_stopping_patience": None})
    kept_in = study.storage(None, made.folder)
    current = study.open_study(made.study_name(made.params.hpo.space), kept_in, made.params.hpo)
    for _ in range(2):  # what good trials look like
        good = current.ask({key: optuna.distributions.CategoricalDistribution(found) for key, found in space.items()})
        for epoch in range(1, 7):
            good.report(0.9 + epoch / 100, epoch)
        good.set_user_attr("epochs", 6)
        current.tell(good, 0.96)
    (current,) = rounds.search(job({"hpo.space": space, "hpo.n_trials": 3, "train.early_stopping_patience": None}))
    last = current.trials[-1]
    assert last.state == TrialState.PRUNED
    assert len(last.intermediate_values) == 1
    assert trial_tables.saved_epochs([current]) == (5, 18)


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_pruners_hear_of_every_epoch(pruner: str, job: MakeJob) -> None:
    (current,) = rounds.search(job({"hpo.pruner": pruner, "hpo.n_trials": 1, "hpo.space": {"epochs": [3]}}))
    assert sorted(current.trials[0].intermediate_values) == [1, 2, 3]


def test_a_failing_trial_is_kept_with_its_error_and_is_no_score(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fails_once(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("out of memory, say")
        return real_fit(*arguments, **options)

    monkeypatch.setattr(objective, "fit", fails_once)
    (current,) = rounds.search(job())
    assert [trial.state.name for trial in current.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert current.trials[1].user_attrs["error"] == "RuntimeError: out of memory, say"
    assert current.trials[1].value is None


def test_failures_in_a_row_stop_the_search_with_the_reason(job: MakeJob) -> None:
    made = job({"hpo.space": {"learning_rate": [1e-3]}, "hpo.n_trials": 9, "train.max_length": 600})
    with pytest.raises(UserError, match=r"3 trials in a row failed; the last: UserError: train\.max_length: 600"):
        rounds.search(made)


def test_further_rounds_search_narrower_ranges(job: MakeJob) -> None:
    first, second = rounds.search(job({"hpo.rounds": 2, "hpo.pruner": "none"}))
    drawn = [trial.params["learning_rate"] for trial in second.trials]
    best = sorted(first.trials, key=lambda trial: (-(trial.value or 0), trial.number))[:2]
    limits = sorted(trial.params["learning_rate"] for trial in best)
    assert limits[0] <= min(drawn) <= max(drawn) <= limits[1]
    assert first.study_name != second.study_name


def test_data_are_tokenised_once_for_all_trials(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    encode = objective.encode
    monkeypatch.setattr(objective, "encode", lambda *a: calls.append(1) or encode(*a))
    rounds.search(job())
    assert len(calls) == 2  # train and validation


def test_trials_become_tables_and_plots_that_need_no_network(job: MakeJob, tmp_path: Path) -> None:
    studies = rounds.search(job({"hpo.pruner": "none"}))
    trial_tables.write(tmp_path / "out", studies, ["learning_rate", "epochs"])
    with (tmp_path / "out/trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["score"]) for row in rows] == [trial.value for trial in studies[0].trials]
    assert {row["state"] for row in rows} == {"COMPLETE"}
    assert {row["study"] for row in rows} == {studies[0].study_name}
    assert (tmp_path / "out/slices/learning_rate.csv").is_file()
    for name in ("history", "slice"):
        page = (tmp_path / f"out/html/{name}.html").read_text()
        assert 'src="plotly.min.js"' in page
        assert "https://cdn" not in page
    assert (tmp_path / "out/html/plotly.min.js").stat().st_size > 1_000_000


KILLED = """
import os, signal
from src.core.command import run
from src.search import objective
from src.stages import hpo
fit, calls = objective.fit, []
def killed(*arguments, **options):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return fit(*arguments, **options)
objective.fit = killed
run(hpo.main)
"""


def test_a_killed_search_goes_on_and_loses_the_running_trial_alone(
    params_file: ParamsFile, prepared: Path, tmp_path: Path
) -> None:
    params = params_file({**FAST, "hpo.n_trials": 4, "prepare.max_samples": 160})
    arguments = [
        f"--params={params}", f"--data={prepared}", f"--tuned={ROOT / 'tuned.yaml'}", f"--out={tmp_path / 'hpo'}"
    ]  # fmt: skip
    options: dict[str, Any] = {"cwd": ROOT, "env": {**os.environ, "DVC_ROOT": str(tmp_path)}, "timeout": 300}
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], **options)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "hpo").exists()
    command = [sys.executable, "-m", "src.stages.hpo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, **options)
    assert "2 of 4 trials done" in done.stdout
    with (tmp_path / "hpo/trials.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4

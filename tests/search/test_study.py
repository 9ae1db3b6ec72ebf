"""pytest tests/search/test_study.py"""

import multiprocessing
import os
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from src.core.config import HpoParams, Range
from src.core.user_errors import UserError
from src.search import study

PARAMS = HpoParams(
    mode="search", n_trials=4, rounds=1, workers=1, seed=1, sampler="tpe", startup_trials=2, pruner="median",
    max_failures=3, storage=None, space={"learning_rate": Range(low=1e-5, high=1e-3, log=True)},
)  # fmt: skip


@pytest.fixture(params=["sqlite in a folder", "sqlite by url", "journal file"])
def kept_in(request: pytest.FixtureRequest, tmp_path: Path) -> optuna.storages.BaseStorage:
    where = {"sqlite by url": f"sqlite:///{tmp_path / 'x.db'}", "journal file": str(tmp_path / "x.log")}
    return study.storage(where.get(request.param), tmp_path / ".studies")


def test_a_study_is_found_again_under_its_name(kept_in: optuna.storages.BaseStorage) -> None:
    first = study.open_study("name", kept_in, PARAMS)
    first.tell(first.ask(), 0.5)
    assert len(study.open_study("name", kept_in, PARAMS).trials) == 1
    assert len(study.open_study("other", kept_in, PARAMS).trials) == 0


@pytest.mark.parametrize(
    "where", ["nosuchdb://host/name", "postgresql://nobody@localhost:1/none", "/no/such/folder/x.log"]
)
def test_a_storage_that_cannot_be_opened_is_named(where: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hpo\.storage: .* cannot be opened"):
        study.storage(where, tmp_path)


@pytest.mark.parametrize("changed", ["label", "settings", "data"])
def test_whatever_changes_the_answer_changes_the_name(changed: str, tmp_path: Path) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text("rows")
    before = study.name("tiny-cls", {"epochs": 3}, [data])
    assert study.name("tiny-cls", {"epochs": 3}, [data]) == before
    label, settings = "tiny-cls", {"epochs": 3}
    if changed == "label":
        label = "tiny-span"
    elif changed == "settings":
        settings = {"epochs": 4}
    else:
        data.write_text("other rows")
    assert study.name(label, settings, [data]) != before


def test_only_trials_that_ended_by_themselves_or_run_are_counted(kept_in: optuna.storages.BaseStorage) -> None:
    current = study.open_study("name", kept_in, PARAMS)
    good, failed, lost, running = (current.ask() for _ in range(4))
    current.tell(good, 0.5)
    failed.set_user_attr("error", "ValueError: too much")
    current.tell(failed, state=TrialState.FAIL)
    current.tell(lost, state=TrialState.FAIL)
    assert [trial.number for trial in study.counted(current)] == [good.number, failed.number, running.number]
    assert [trial.number for trial in study.finished(current)] == [good.number, failed.number]


def _start_a_trial_and_die(folder: Path) -> None:
    current = study.open_study("name", study.storage(None, folder), PARAMS)
    current.ask().set_user_attr("process", study.this_process())
    os._exit(9)


def test_a_trial_of_a_dead_process_is_given_up_and_one_of_a_living_process_is_not(tmp_path: Path) -> None:
    kept_in = study.storage(None, tmp_path)
    current = study.open_study("name", kept_in, PARAMS)
    current.ask().set_user_attr("process", study.this_process())
    child = multiprocessing.get_context("spawn").Process(target=_start_a_trial_and_die, args=(tmp_path,))
    child.start()
    child.join()
    assert len(study.counted(current)) == 2
    study.give_up_dead(current)
    assert [trial.number for trial in study.counted(current)] == [0]


def _start_a_trial_and_die_before_it_is_signed(where: str | None, folder: Path) -> None:
    study.open_study("name", study.storage(where, folder), PARAMS).ask()
    os._exit(9)


@pytest.mark.parametrize("where", [None, "studies.log"])
def test_a_trial_that_nobody_has_signed_is_given_up_after_a_while(
    where: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process died before it could say which it was, and in a journal or as early as this there is no heartbeat."""
    arguments = (where, tmp_path / ".studies")
    child = multiprocessing.get_context("spawn").Process(
        target=_start_a_trial_and_die_before_it_is_signed, args=arguments
    )
    child.start()
    child.join()
    current = study.open_study("name", study.storage(*arguments), PARAMS)
    study.give_up_dead(current)
    assert len(study.counted(current)) == 1
    monkeypatch.setattr(study, "GRACE", 0)
    study.give_up_dead(current)
    assert study.counted(current) == []


def test_a_trial_of_another_machine_is_given_up_when_its_heartbeat_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "GRACE", 1)
    kept_in = study.storage(None, tmp_path)
    current = study.open_study("name", kept_in, PARAMS)
    trial = current.ask()
    trial.set_user_attr("process", "another machine:1:0")
    kept_in.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
    study.give_up_dead(current)
    assert len(study.counted(current)) == 1
    deadline = time.monotonic() + 60
    while study.counted(current):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        study.give_up_dead(current)


def test_values_are_drawn_from_the_space() -> None:
    space = {
        "epochs": Range(low=2, high=4),
        "learning_rate": Range(low=1e-5, high=1e-3, log=True),
        "weight_decay": Range(low=0.0, high=0.1, step=0.05),
        "class_weights": [None, "balanced"],
    }
    current = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [study.suggest(current.ask(), space) for _ in range(60)]
    assert {values["epochs"] for values in drawn} == {2, 3, 4}
    assert {round(values["weight_decay"], 6) for values in drawn} == {0.0, 0.05, 0.1}
    assert {values["class_weights"] for values in drawn} == {None, "balanced"}
    assert sum(values["learning_rate"] < 1e-4 for values in drawn) == pytest.approx(30, abs=12)  # even on a log scale


def test_a_range_is_narrowed_to_the_best_trials_and_a_list_is_not() -> None:
    space = {"learning_rate": Range(low=0.0, high=1.0), "batch_size": [8, 16]}
    current = optuna.create_study(direction="maximize")
    for rate, score in [(0.1, 0.2), (0.4, 0.9), (0.5, 0.8), (0.9, 0.1), (0.8, 0.3)]:
        distributions = {"learning_rate": optuna.distributions.FloatDistribution(0, 1)}
        current.add_trial(optuna.create_trial(params={"learning_rate": rate}, distributions=distributions, value=score))
    found = study.narrowed(space, current.trials)
    assert found == {"learning_rate": Range(low=0.4, high=0.5), "batch_size": [8, 16]}

"""The project under the real dvc and git: everyday commands on a copy of it, on a part of the sample, for one epoch.

pytest tests/test_dvc.py
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from huggingface_hub import ModelCard

from src.runs.checks import CHECKS, workspace
from src.tasks.prediction_file import read_predictions
from tests.conftest import Command
from tests.project import queue_is_empty, ran, sh


@pytest.fixture(scope="module")
def project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of `finished`, for the tests of this file to change."""
    folder = tmp_path_factory.mktemp("dvc") / "project"
    shutil.copytree(finished, folder, symlinks=True)
    yield folder
    sh("dvc queue stop --kill", folder)


def test_the_pipeline_leaves_data_model_metrics_and_predictions(project: Path) -> None:
    for path in (
        "data/prepared/train.jsonl", "metrics/data.json", "metrics/hpo/best.yaml", "models/current/model.safetensors",
        "models/environment.json", "metrics/train/metrics.json", "metrics/health.json", "metrics/evaluate.json",
        "metrics/plots/groups",
    ):  # fmt: skip
        assert (project / path).exists(), path
    assert len(read_predictions(project / "metrics/predictions/test.jsonl")) > 0
    assert not any(project.joinpath(".checkpoints").glob("*"))


def test_a_second_repro_does_nothing(project: Path) -> None:
    started = time.monotonic()
    assert ran(sh("dvc repro", project)) == []
    assert time.monotonic() - started < 15  # a hang, not a speed, is what this would show
    assert sh("git status --porcelain", project) == ""


def test_check_finds_the_workspace_and_the_commit_sound(
    project: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "LEAST_FREE", 0.0)  # the disk of this test is not what is looked at
    os.chdir(project)
    for arguments in ([], ["--experiment", "HEAD"]):
        ended = command("tools.check", "--json", *arguments)
        found = {name: check["status"] for name, check in json.loads(ended.out)["checks"].items()}
        assert ended.status == (found["health"] == "red_flag"), ended  # one epoch need not learn anything
        assert list(found) == list(CHECKS)
        left_out = {"queue"} | ({"stages", "disk"} if arguments else set())  # the commit has no experiments yet
        assert {name for name, status in found.items() if status != "ok"} - {"health"} == left_out
    assert sh("git status --porcelain", project) == ""


def test_compiled_code_is_no_change(project: Path) -> None:
    sh("python -m compileall -q src", project)
    assert ran(sh("dvc repro", project)) == []


def test_a_folder_for_the_hub_has_the_model_and_a_card_with_the_scores_of_evaluate(project: Path) -> None:
    assert sh("python -m src card --out hub", project) == "hub\n"
    model, made = project / "models/current", project / "hub"
    assert {path.name for path in made.iterdir()} == {path.name for path in model.iterdir()}
    assert (made / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    scores = json.loads((project / "metrics/evaluate.json").read_text())
    card = ModelCard.load(made / "README.md")
    found = {(result.dataset_split, result.metric_name): result.metric_value for result in card.data.eval_results}
    assert len(found) == 1 + 2 * 3  # validation; test and unseen of the model, majority and tfidf
    for split in ("test", "unseen"):
        own, tfidf = scores["cls"][split], scores["baselines"]["cls"]["tfidf"][split]
        low, high = own["f1_macro_interval"]
        assert found[split, f"f1_macro (95 %: {low:.3f} to {high:.3f})"] == own["f1_macro"]
        assert tfidf["f1_macro"] in found.values()
        assert f"| {own['f1_macro']:.3f} | {low:.3f} to {high:.3f} |" in re.sub(
            " {2,}", " ", card.text
        )  # columns are aligned
    assert "baseline tfidf" in card.text
    assert "hub exists already" in sh("python -m src card --out hub", project, status=2)
    shutil.rmtree(made)


@pytest.mark.parametrize("changed", ["models/current/config.json", "metrics/evaluate.json"])
def test_scores_of_another_model_are_not_put_into_the_card(project: Path, changed: str) -> None:
    before = (project / changed).read_text()
    (project / changed).write_text(f"{before} ")
    told = sh("python -m src card --out hub", project, status=2)
    assert told.startswith("error: metrics/evaluate.json has scores of another model: ")
    assert told.count("\n") == 1
    assert not (project / "hub").exists()
    (project / changed).write_text(before)


def test_another_seed_re_runs_train_and_evaluate_alone(project: Path) -> None:
    assert ran(sh("dvc exp run -S seed=7", project)) == ["train", "evaluate"]
    assert "seed" in sh("dvc params diff", project)
    assert "cls.test.ece" in sh("dvc metrics diff", project)
    sh("git checkout -q . && dvc checkout", project)


def test_editing_analysis_code_re_runs_evaluate_alone(project: Path) -> None:
    scores = project / "src/analysis/scores.py"
    scores.write_text(scores.read_text() + "\n# a remark\n")
    assert ran(sh("dvc repro", project)) == ["evaluate"]
    sh("git checkout -q . && dvc checkout", project)


def test_a_queued_grid_of_seeds_runs_on_two_workers(project: Path) -> None:
    sh("dvc exp run --queue -S 'seed=1,2'", project)
    sh("dvc queue start -j 2 > /dev/null 2>&1", project)  # the workers hold what they print to open: sh would wait
    deadline = time.monotonic() + 600
    while not queue_is_empty(project):
        assert time.monotonic() < deadline
        time.sleep(1)
    found = experiments(project)
    assert {1, 2} <= set(found)
    assert all(0 <= row["cls"]["test"]["f1_macro"] <= 1 for row in found.values())
    assert "Failed" not in sh("dvc queue status", project)
    assert "| cls | tiny | f1_macro | " in re.sub(" {2,}", " ", sh("python -m src compare --md", project))
    costs = json.loads(sh("python -m src compare --cost --json", project))["lines"]
    assert [line["experiment"] for line in costs] == ["workspace", *(line["experiment"] for line in costs[1:-1]), "all"]
    assert len(costs) == len(sh("dvc exp list --name-only", project).split()) + 2  # the workspace, and the sum
    assert costs[-1]["seconds"] == pytest.approx(sum(line["train_seconds"] for line in costs[:-1]))
    assert costs[-1]["cost"] == pytest.approx(costs[-1]["seconds"] / 3600 * 0.1)
    sh("dvc plots diff", project)
    assert (project / "dvc_plots/index.html").stat().st_size > 0


def test_the_report_of_the_workspace_has_curves_baselines_data_and_parameters(project: Path) -> None:
    before = sh("git status --porcelain", project)
    assert "report.html" in sh("python -m src report", project).splitlines()
    page = (project / "report.html").read_text(encoding="utf-8")
    for expected in (
        'id="cls_learning_curves"',
        "(baseline)</small>",
        "prepare.split_seed",
        "samples_per_second",
        "<small>health: ",
    ):
        assert expected in page
    assert sh("git status --porcelain", project) == before


def test_experiments_are_tested_and_reported_without_being_checked_out(project: Path) -> None:
    """With nothing to average over, each seed of the grid above is a system of its own."""
    before = sh("git status --porcelain", project)
    tests = sh("python -m src compare --over evaluate.batch_size --tests --csv", project).splitlines()
    assert tests[0].startswith("task,split,first,second,metric,difference,test,p,")
    assert tests[1].startswith('cls,test,"tiny, seed=1","tiny, seed=2",f1_macro,')
    sh("python -m src report --experiments --over evaluate.batch_size", project)
    page = (project / "report.html").read_text(encoding="utf-8")
    assert "tiny, seed=2" in page
    assert 'id="cls_learning_curves"' in page
    assert sh("git status --porcelain", project) == before


def test_a_grid_of_seeds_shares_one_search_and_learns_no_test_data(project: Path) -> None:
    search = "-S hpo.mode=search -S hpo.n_trials=3 -S hpo.startup_trials=1 -S 'hpo.space.epochs=[1]'"
    assert ran(sh(f"dvc exp run {search} -S seed=1", project)) == ["hpo", "train", "evaluate"]
    study = json.loads((project / "metrics/hpo/study.json").read_text())
    assert ran(sh(f"dvc exp run {search} -S seed=2", project)) == ["train", "evaluate"]
    storage = f"sqlite:///{project / '.studies/studies.db'}"
    (name,) = optuna.get_all_study_names(storage)
    assert name == study["study"]
    assert len(optuna.load_study(study_name=name, storage=storage).trials) == 3
    assert "tiny" in sh("python -m src promote --params params.yaml", project)
    assert ran(sh("dvc exp run -S hpo.mode=tuned -S seed=2", project)) == ["hpo"]  # trained with these values already
    sh("git checkout -q . && dvc checkout", project)


def experiments(project: Path) -> dict[int, dict[str, Any]]:
    """{seed: metrics/evaluate.json} of the experiments on the current commit."""
    found = {}
    for baseline in json.loads(sh("dvc exp show --json --no-pager", project)):
        for experiment in baseline.get("experiments") or []:
            data = experiment["revs"][0]["data"]
            found[data["params"]["params.yaml"]["data"]["seed"]] = data["metrics"]["metrics/evaluate.json"]["data"]
    return found


def test_a_clone_is_checked_and_pulls_the_model_that_was_pushed(
    project: Path, tmp_path: Path, command: Command
) -> None:
    sh("dvc push", project)
    sh(f"git clone -q {project} clone", tmp_path)
    clone = tmp_path / "clone"
    os.chdir(clone)
    ended = command("tools.check")
    assert ended.status == 1
    assert "models/current is missing" in ended.out
    assert "dvc pull restores the outputs of dvc.lock" in ended.out
    ended = command("tools.check", "--experiment", "HEAD")
    assert (ended.status, ended.out) == (2, "")
    assert "not in Git, the cache or the remote: " in ended.err.splitlines()[-1]
    sh(f"dvc config --local remote.local.url {project / '.dvc-remote'} && dvc pull", clone)
    model = "models/current/model.safetensors"
    assert (clone / model).read_bytes() == (project / model).read_bytes()
    assert "up to date" in sh("dvc status", clone)


def test_what_other_commits_and_experiments_use_goes_to_the_folder_that_is_named_whole(
    finished: Path, tmp_path: Path
) -> None:
    """As the README says; of a relative path, DVC makes one of the root of the file system."""
    project = tmp_path / "project"
    shutil.copytree(finished, project, symlinks=True)
    sh('dvc config --local remote.local.url "$PWD/.dvc-remote"', project)
    sh("git init -q --bare ../git.git && git remote add origin ../git.git", project)
    sh("dvc push --all-commits", project)
    assert any((project / ".dvc-remote/files/md5").iterdir())
    shutil.rmtree(project / ".dvc-remote")
    sh("dvc exp run -S evaluate.bootstrap_samples=10 -n other && dvc exp push origin other", project)
    sh("rm -r .dvc/cache && dvc get . models/current --rev other -o ../model", project)
    assert (tmp_path / "model/model.safetensors").is_file()


def test_a_typing_error_ends_with_one_line_and_leaves_the_results_alone(project: Path) -> None:
    before = (project / "metrics/evaluate.json").read_bytes()
    output = sh("dvc exp run -S model=dictabret", project, status=255)
    assert "error: unknown model 'dictabret', did you mean 'dictabert'?" in output
    assert "Traceback" not in output
    sh("git checkout -q . && dvc checkout", project)
    assert (project / "metrics/evaluate.json").read_bytes() == before


def test_the_hebrew_idiom_corpus_is_prepared_by_dvc(project: Path, idiom_data: Path) -> None:
    splits = project / "data/raw/hebrew_idioms/splits"
    refused = sh("dvc repro prepare", project, status=0)
    assert ran(refused) == []
    output = sh("dvc exp run --temp -S prepare.corpus=hebrew_idioms -S prepare.max_samples=null", project, status=255)
    assert "dvc import https://github.com/igornazarenko434/hebrew-idiom-detection" in output
    shutil.copytree(idiom_data, splits)
    sh("dvc add data/raw/hebrew_idioms/splits && git add -A && git commit -qm 'Add the corpus'", project)
    changes = "-S prepare.corpus=hebrew_idioms -S prepare.max_samples=null"
    sh(f"dvc exp run {changes} prepare", project)
    rows = {path.stem: len(path.read_text().splitlines()) for path in (project / "data/prepared").glob("*.jsonl")}
    assert rows == {"train": 3456, "validation": 432, "test": 432, "unseen": 480}

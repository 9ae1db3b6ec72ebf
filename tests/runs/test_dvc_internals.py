"""What is used of DVC beyond its public interface, in the versions that are installed, on a real repository.

pytest tests/runs/test_dvc_internals.py
"""

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from src.core.files import read_yaml
from src.core.user_errors import UserError
from src.runs import dvc_internals, experiments
from src.runs.dvc_internals import Repo, collect_rev, collect_successful, resolve_rev
from tests.project import sh

STAGES = """\
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [seed]
    outs: [model]
    metrics: [metrics.json: {cache: false}]
"""
TRAIN = """\
import json, pathlib
seed = int(pathlib.Path("params.yaml").read_text().split()[1])
if seed == 3:
    raise SystemExit("error: seed 3 fails")
pathlib.Path("model").mkdir()
pathlib.Path("model/weights").write_text(f"weights of seed {seed}")
pathlib.Path("metrics.json").write_text(json.dumps({"score": seed}))
"""


def test_the_versions_are_those_that_were_checked() -> None:
    """If you upgrade DVC: read the docstring of dvc_internals, run all tests of experiments and of the queue."""
    names = ("dvc", "dvc-data", "dvc-objects", "scmrepo")
    assert {name: version(name) for name in names} == {
        "dvc": "3.67.1", "dvc-data": "3.18.3", "dvc-objects": "5.2.0", "scmrepo": "3.6.2",
    }  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a run, two experiments that ran (seed 2 with success), and a queued one (seed 4)."""
    folder = tmp_path_factory.mktemp("repository")
    for name, text in {"dvc.yaml": STAGES, "train.py": TRAIN, "params.yaml": "seed: 1\n"}.items():
        (folder / name).write_text(text)
    sh("git init -q && dvc init -q && dvc repro -q && git add -A && git commit -qm first", folder)
    sh("dvc exp run -q --queue -n good -S seed=2 && dvc exp run -q --queue -n bad -S seed=3", folder)
    sh("dvc exp run -q --run-all -j 1", folder)
    sh("dvc exp run -q --queue -n later -S seed=4", folder)
    return folder


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


def test_tasks_have_a_state_a_baseline_parameters_and_a_log(here: Path) -> None:
    with Repo() as repo:
        head = resolve_rev(repo.scm, "HEAD")
        tasks = {entry.name: (state, entry) for state, entry in dvc_internals.queued(repo)}
        assert {name: state for name, (state, _) in tasks.items()} == {
            "good": "success", "bad": "failed", "later": "queued",
        }  # fmt: skip
        assert {entry.baseline_rev for _, entry in tasks.values()} == {head}
        waiting = collect_rev(repo, tasks["later"][1].stash_rev)
        assert waiting.data.params["params.yaml"]["data"] == {"seed": 4}
        assert dvc_internals.log_of(repo, tasks["later"][1]) is None
        log = dvc_internals.log_of(repo, tasks["bad"][1])
    assert log is not None
    assert "error: seed 3 fails" in log.read_text()


def test_results_have_parameters_metrics_and_hashes(here: Path) -> None:
    with Repo() as repo:
        head = resolve_rev(repo.scm, "HEAD")
        (result,) = collect_successful(repo, [head])[head]
    newest = result.revs[0]
    assert (result.name, newest.data.params["params.yaml"]["data"]) == ("good", {"seed": 2})
    assert newest.data.metrics["metrics.json"]["data"] == {"score": 2}
    assert newest.data.deps["train.py"].hash == dvc_internals.md5(here, "train.py")


def test_a_hash_is_that_of_dvc_lock_and_changes_with_the_content(here: Path) -> None:
    (out,) = [out for out in read_yaml(here / "dvc.lock")["stages"]["train"]["outs"] if out["path"] == "model"]
    assert dvc_internals.md5(here, "model") == out["md5"]
    (here / "model" / "weights").write_text("others")
    assert dvc_internals.md5(here, "model") != out["md5"]
    sh("dvc checkout -q --force", here)


def test_files_of_an_experiment_come_from_the_cache_and_the_workspace_stays(here: Path) -> None:
    with experiments.fetched(experiments.commit_of("good"), "model", "metrics.json", "none") as folder:
        assert (folder / "model" / "weights").read_text() == "weights of seed 2"
        assert json.loads((folder / "metrics.json").read_text()) == {"score": 2}
        assert not (folder / "none").exists()
    assert (here / "model" / "weights").read_text() == "weights of seed 1"
    assert sh("git status --porcelain", here) == ""


def test_a_file_that_is_in_no_cache_is_named(here: Path) -> None:
    with Repo() as repo:
        commit = resolve_rev(repo.scm, "good")
        cached = Path(repo.cache.local.path)
    moved = cached.rename(cached.with_name("elsewhere"))
    try:
        with (
            pytest.raises(UserError, match=r"^model of .* is not in Git, the cache or the remote"),
            experiments.fetched(commit, "model"),
        ):
            pass
    finally:
        moved.rename(cached)


def test_a_file_that_is_in_the_remote_alone_is_fetched(here: Path, tmp_path: Path) -> None:
    with Repo() as repo:
        commit = resolve_rev(repo.scm, "HEAD")
        cached = Path(repo.cache.local.path)
    sh(f"dvc remote add -q --local -d elsewhere {tmp_path} && dvc push -q", here)
    moved = cached.rename(cached.with_name("elsewhere"))
    try:
        with experiments.fetched(commit, "model") as folder:
            assert (folder / "model" / "weights").read_text() == "weights of seed 1"
    finally:
        shutil.rmtree(cached, ignore_errors=True)
        moved.rename(cached)
        (here / ".dvc" / "config.local").unlink()


def test_the_local_configuration_is_that_of_the_repository(here: Path) -> None:
    config = dvc_internals.configuration()
    with config.edit("local") as local:
        local["core"]["remote"] = "drive"
    assert "remote = drive" in Path(config.files["local"]).read_text()
    assert Path(config.dvc_dir) == here / ".dvc"
    Path(config.files["local"]).unlink()

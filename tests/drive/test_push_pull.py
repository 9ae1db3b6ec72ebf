"""`dvc push`, `pull`, `status -c`, `exp push`, `exp pull` and `gc -c` of this project, against a loopback Drive.

pytest tests/drive/test_push_pull.py -rP    # prints the calls that a push costs
"""

import shutil
from collections import Counter
from pathlib import Path

from tests.drive.conftest import Google, clone
from tests.drive.store import Drive
from tests.project import sh

WEIGHTS = "models/current/model.safetensors"


def cached(repository: Path) -> dict[str, bytes]:
    """{path below the cache: bytes} of DVC's objects."""
    cache = repository / ".dvc/cache"
    return {str(path.relative_to(cache)): path.read_bytes() for path in (cache / "files").rglob("*") if path.is_file()}


def outputs(repository: Path) -> dict[str, bytes]:
    """{path: bytes} of what the pipeline made."""
    paths = [path for top in ("data/prepared", "models", "metrics") for path in (repository / top).rglob("*")]
    return {str(path.relative_to(repository)): path.read_bytes() for path in paths if path.is_file()}


def test_a_fresh_clone_pulls_what_was_pushed_byte_for_byte(repository: Path, full: Google, tmp_path: Path) -> None:
    other = clone(repository, tmp_path / "clone")
    full.run("dvc pull", other)
    assert outputs(other) == outputs(repository)
    assert "in sync" in full.run("dvc status -c", other)
    full.drive.calls.clear()
    assert "up to date" in full.run("dvc push", repository)
    print("second push:", len(full.drive.calls), dict(Counter(full.drive.calls)))
    assert "upload" not in full.drive.calls


def test_a_push_costs_under_five_calls_per_file(pushed: Drive) -> None:
    print("first push:", len(pushed.contents()), "files", len(pushed.calls), dict(Counter(pushed.calls)))
    assert pushed.calls.count("upload") == len(pushed.contents())
    assert len(pushed.calls) < 5 * len(pushed.contents())


def test_an_experiment_is_pushed_and_pulled(repository: Path, full: Google, tmp_path: Path) -> None:
    full.run("dvc exp push origin other", repository)
    print("an experiment with another model:", len(full.drive.calls), dict(Counter(full.drive.calls)))
    first, second = (clone(repository, tmp_path / name) for name in ("first", "second"))
    full.run("dvc exp pull origin other && dvc exp apply other", first)
    assert (first / WEIGHTS).read_bytes() == (repository / WEIGHTS).read_bytes() + b" "

    full.drive.calls.clear()
    full.run("dvc exp pull --no-cache origin other", second)
    assert not full.drive.calls
    full.run("dvc get . models/current --rev other -o models/other", second)
    assert (second / "models/other/model.safetensors").read_bytes() == (first / WEIGHTS).read_bytes()
    assert not (second / "models/current").exists()


def test_scores_come_without_weights(repository: Path, full: Google, tmp_path: Path) -> None:
    other = clone(repository, tmp_path / "clone")
    assert (other / "metrics/evaluate.json").is_file()  # in Git
    full.run("dvc pull metrics/train metrics/predictions metrics/plots", other)
    got = outputs(other)
    assert "metrics/predictions/test.jsonl" in got
    assert not any(path.endswith(".safetensors") for path in [*got, *cached(other)])
    assert max(map(len, cached(other).values())) < 1_000_000


def test_gc_moves_into_the_trash_what_no_commit_and_no_experiment_uses(
    repository: Path, full: Google, pushed: Drive, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(repository, project, symlinks=True)
    full.run("dvc exp push origin other", project)
    both = full.drive.contents()
    assert len(both) > len(pushed.contents())
    full.run("dvc gc -f -c --all-commits --all-experiments", project)
    assert full.drive.contents() == both
    sh("dvc exp remove other", project)
    full.run("dvc gc -f -c --all-commits --all-experiments", project)
    assert full.drive.contents() == pushed.contents()
    assert "delete" not in full.drive.calls
    assert outputs(project) == outputs(repository)

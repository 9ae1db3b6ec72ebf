"""Stages in processes of their own, on few rows and a small model, that a fault strikes at a chosen point."""

import csv
import importlib
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig

from src.core import best_file
from src.core.command import run
from src.core.records import Example, write_examples
from src.models import tiny
from src.training import trainer
from src.training.callbacks import LiveCallback
from tests.project import ROOT, write_params

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SHORT = {
    "prepare.max_samples": 160, "train.epochs": 3, "train.batch_size": 8, "train.learning_rate": 2e-3,
    "evaluate.bootstrap_samples": 20, "hpo.n_trials": 2, "hpo.startup_trials": 1, "hpo.space": {"epochs": [1]},
}  # fmt: skip
Fault = Callable[[], None]  # run in the process before its stage, to patch what strikes it


def kill(*_: Any, **__: Any) -> None:
    """A power cut, to be put in the place of what should happen then."""
    os.kill(os.getpid(), signal.SIGKILL)


class Started:
    """A stage that runs in a process of its own: a fork, for torch is imported once so."""

    def __init__(self, main: Callable[[], None], arguments: list[str], root: Path, state: Path, fault: Fault) -> None:
        self.errors = root / "stderr"
        self.pid = os.fork()
        if self.pid == 0:
            self._be(main, arguments, root, state, fault)

    def _be(self, main: Callable[[], None], arguments: list[str], root: Path, state: Path, fault: Fault) -> None:
        status = 1
        try:
            os.setsid()
            os.chdir(root)
            os.environ["DVC_ROOT"] = str(state)
            with self.errors.open("w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            sys.argv = ["stage", *arguments]
            sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)  # not pytest's
            tiny.config = lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **SMALL)
            fault()
            run(main)
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def ended(self) -> int:
        """Waits, and returns the exit status, or less the number of the signal that killed it."""
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status


def killed_after(epoch: int, best: int | None = None) -> Callable[[], None]:
    """Kills training when the state of an epoch is written; `best`: the epoch that scores best."""

    def patch() -> None:
        def on_save(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
            if round(state.epoch) == epoch:
                kill()

        LiveCallback.on_save = on_save  # type: ignore[method-assign]
        if best is not None:
            scores = iter([1.0 if number == best else 0.0 for number in range(1, 9)])
            trainer.validation_scores = lambda *_: dict.fromkeys(("primary", "f1_macro"), next(scores))

    return patch


class Project:
    """A folder as the stages leave it, with data of 24 rows to train on and 12 to validate with.

    Attributes:
        out: where stages write; it may lie on a disk of its own.
    """

    def __init__(self, root: Path, data: Path) -> None:
        self.root, self.out = root, root
        self.changes: dict[str, Any] = {}
        shutil.copytree(data, root / "data/prepared")
        (root / "tuned.yaml").write_text("{}\n")
        best_file.write(root / "best.yaml", "fixed", {})

    def arguments(self, name: str) -> list[str]:
        out = self.out
        options: dict[str, dict[str, Any]] = {
            "prepare": {"corpus": ROOT / "data/raw/sample", "out": out / "data/prepared",
                        "statistics": out / "metrics/data.json"},
            "hpo": {"data": self.root / "data/prepared", "tuned": self.root / "tuned.yaml", "out": out / "metrics/hpo"},
            "train": {"data": self.root / "data/prepared", "best": self.root / "best.yaml",
                      "model": out / "models/current", "environment": out / "models/environment.json",
                      "live": out / "metrics/train", "health": out / "metrics/health.json"},
            "evaluate": {"model": self.root / "models/current", "data": self.root / "data/prepared",
                         "metrics": out / "metrics/evaluate.json", "predictions": out / "metrics/predictions",
                         "plots": out / "metrics/plots"},
        }  # fmt: skip
        params = write_params(self.root / "params.yaml", SHORT | self.changes)
        return [f"--{key}={value}" for key, value in ({"params": params} | options[name]).items()]

    def start(self, name: str, fault: Fault = lambda: None) -> Started:
        """Starts a stage."""
        main = importlib.import_module(f"src.stages.{name}").main
        return Started(main, self.arguments(name), self.root, self.out, fault)

    def run(self, name: str, fault: Fault = lambda: None, status: int = 0) -> str:
        """Runs a stage to its end, which must be of this status, and returns what it printed."""
        started = self.start(name, fault)
        assert started.ended() == status, started.errors.read_text()
        printed = started.errors.read_text()
        assert "Traceback" not in printed
        return printed

    def killed(self, name: str, fault: Fault) -> None:
        self.run(name, fault, status=-signal.SIGKILL)

    def states(self) -> list[str]:
        """The states of interrupted training."""
        return sorted(path.name for path in self.out.glob(".checkpoints/*/checkpoint-*"))

    def state(self, name: str) -> Path:
        (found,) = self.out.glob(f".checkpoints/*/{name}")
        return found

    def written(self, *names: str) -> dict[str, bytes]:
        """All files under these folders, and these files; not what the wall clock says."""
        found = [path for name in names for path in (self.out / name, *sorted((self.out / name).rglob("*")))]
        return {str(path.relative_to(self.out)): path.read_bytes() for path in found if path.is_file()}


TRAINED = ("models/current", "metrics/train", "metrics/health.json")
EVALUATED = ("metrics/evaluate.json", "metrics/predictions", "metrics/plots")


def states(trials: Path) -> list[str]:
    """How the trials of a search ended, as trials.csv has it."""
    with trials.open(encoding="utf-8", newline="") as file:
        return [row["state"] for row in csv.DictReader(file)]


def copy(project: Project, folder: Path) -> Project:
    shutil.copytree(project.root, folder / "project", dirs_exist_ok=True)
    for file in folder.glob("project/.checkpoints/*/*/trainer_state.json"):
        file.write_text(file.read_text().replace(str(project.root), str(folder / "project")))
    found = Project.__new__(Project)
    found.__dict__ |= project.__dict__ | {"root": folder / "project", "out": folder / "project"}
    return found


@pytest.fixture(scope="session")
def few(prepared: Path, splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of every project here."""
    folder = tmp_path_factory.mktemp("few")
    for name, count in (("train", 24), ("validation", 12), ("test", 8), ("unseen", 8)):
        step = len(splits[name]) // count
        write_examples(folder / f"{name}.jsonl", splits[name][::step][:count])
    for name in ("corpus.json", "labels.json", "idioms.json"):
        shutil.copy(prepared / name, folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, few: Path) -> Project:
    return Project(tmp_path / "project", few)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, few: Path) -> Project:
    """A project in which nothing went wrong: trained and evaluated; not to be written to."""
    folder = tmp_path_factory.mktemp("whole")
    found = Project(folder / "project", few)
    found.run("train")
    found.run("evaluate")
    return found


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory: pytest.TempPathFactory, few: Path) -> Project:
    """A project with the states of two epochs, of which the first is the best."""
    project = Project(tmp_path_factory.mktemp("interrupted") / "project", few)
    project.killed("train", killed_after(2, best=1))
    assert project.states() == ["checkpoint-3", "checkpoint-6"]
    return project


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many KiB: disk(500)."""
    mounted: list[Path] = []

    def make(size: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("only root may mount a small disk")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)

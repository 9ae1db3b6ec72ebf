"""Finished runs in folders of the project's layout: small models with random weights, really evaluated."""

import importlib
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from transformers import BertConfig, set_seed

from src import tasks
from src.core import config
from src.core.files import read_json, read_yaml
from src.core.records import Example, read_examples, write_examples
from src.models import checkpoint, tiny
from src.models.encoders import ENCODERS
from src.models.matcher import Matcher
from src.runs.dvc_internals import md5
from src.runs.paths import DATA, LOCK, METRICS, MODEL, PARAMS, PREDICTIONS
from tests.conftest import ROOT
from tests.project import write_params

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
MATCHER = "span of a matcher"

Runs = Callable[[str], Path]


@pytest.fixture(scope="session")
def small_data(prepared: Path, splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data with targets for all tasks and few rows to evaluate."""
    folder = tmp_path_factory.mktemp("small") / "data"
    for name, rows in splits.items():
        write_examples(folder / f"{name}.jsonl", rows if name == "train" else rows[::2])
    for name in ("labels.json", "idioms.json"):
        shutil.copy(prepared / name, folder)
    return folder


@pytest.fixture(scope="session")
def runs(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Makes a run of a task; not to be written to: runs("cls")."""

    @cache
    def make(task: str) -> Path:
        root = tmp_path_factory.mktemp("run")
        shutil.copytree(small_data, root / DATA)
        name = "span" if task == MATCHER else task
        write_params(root / PARAMS, {"task": name, "evaluate.bootstrap_samples": 50})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **SMALL))
            _model(root, name, task == MATCHER)
            patch.setattr(sys, "argv", ["evaluate", *_arguments(root)])
            importlib.import_module("src.stages.evaluate").main()
        lock(root)
        return root

    return make


def _model(root: Path, task: str, matcher: bool) -> None:
    train = read_examples(root / DATA / "train.jsonl")
    labels = tasks.label_sets(tasks.parse(task), train, read_json(root / DATA / "labels.json"))
    if matcher:
        made: Any = Matcher(labels, "IDIOM", read_json(root / DATA / "idioms.json"))
    else:
        set_seed(1)
        made = checkpoint.create(ENCODERS["tiny"], labels, train, config.load(ROOT / PARAMS).train)
    made.save(root / MODEL)


def _arguments(root: Path) -> list[str]:
    options = {"params": PARAMS, "model": MODEL, "data": DATA, "metrics": METRICS, "predictions": PREDICTIONS}
    return [*(f"--{name}={root / path}" for name, path in options.items()), f"--plots={root / 'metrics/plots'}"]


def lock(root: Path) -> None:
    """Writes dvc.lock as DVC would after this run, with the stages' parameters and the hashes that checks look at."""
    params = read_yaml(root / PARAMS)
    reads = {
        "prepare": ["prepare"],
        "hpo": ["hpo"],
        "train": ["model", "task", "seed", "train"],
        "evaluate": ["evaluate"],
    }
    deps = {"train": [f"{DATA}/train.jsonl", f"{DATA}/labels.json"], "evaluate": [DATA, MODEL]}
    outs = {"prepare": [DATA], "train": [MODEL], "evaluate": [METRICS, PREDICTIONS]}
    entries = lambda paths: [{"path": path, "hash": "md5", "md5": md5(root, path)} for path in paths]  # noqa: E731
    stages = {
        name: {
            "params": {PARAMS: {key: params[key] for key in keys}},
            "deps": entries(deps.get(name, [])),
            "outs": entries(outs.get(name, [])),
        }
        for name, keys in reads.items()
    }
    YAML().dump({"schema": "2.0", "stages": stages}, root / LOCK)


@pytest.fixture
def run_of(runs: Runs, tmp_path: Path) -> Runs:
    """Makes a copy of a run, to be damaged: run_of("cls")."""

    def copy(task: str) -> Path:
        return Path(shutil.copytree(runs(task), tmp_path / "run"))

    return copy

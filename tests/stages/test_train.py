"""The stage train: what it writes, to the byte, and that a run which is killed goes on.

pytest tests/stages/test_train.py
"""

import contextlib
import csv
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import torch
import transformers
from transformers import BertConfig, pipeline

from src.core import best_file, config
from src.core.check_result import STATUSES
from src.core.files import read_json, write_json
from src.core.records import Example, read_examples, write_examples
from src.models import checkpoint, tiny
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.tasks import validation_scores
from src.training import resume_state
from src.training.callbacks import LiveCallback
from src.training.health_rules import RULES
from tests.conftest import ROOT, Ended, ParamsFile, Stage
from tests.rows import LABELS

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SHORT = {
    "task": "cls", "model": "tiny", "seed": 7, "train.epochs": 1, "train.batch_size": 8, "train.learning_rate": 2e-3,
    "train.early_stopping_patience": None, "train.precision": "auto",
}  # fmt: skip
ENVIRONMENT = {
    "python", "torch", "transformers", "accelerate", "platform", "device", "precision", "setup", "trainable_share",
    "micro_batch_size", "gradient_accumulation_steps", "learning_rate", "steps", "seconds", "samples_per_second",
    "peak_memory_mib", "epochs",
}  # fmt: skip
KILLED = f"""
import os, signal
from transformers import BertConfig
from src.core.command import run
from src.models import tiny
from src.training.callbacks import LiveCallback
from src.stages import train
tiny.config = lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **{SMALL})
LiveCallback.on_save = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
run(train.main)
"""
LINE_PER_STEP = f"""
from transformers import BertConfig
from src.core.command import run
from src.models import tiny
from src.training import callbacks
from src.stages import train
tiny.config = lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **{SMALL})
callbacks.SECONDS_BETWEEN_LINES = 0
run(train.main)
"""


@pytest.fixture(scope="module")
def data(prepared: Path, splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 rows to train on, 12 to validate with."""
    folder = tmp_path_factory.mktemp("data")
    for name, count in (("train", 24), ("validation", 12)):
        step = len(splits[name]) // count
        write_examples(folder / f"{name}.jsonl", splits[name][::step][:count])
    for name in ("corpus.json", "labels.json"):
        (folder / name).write_bytes((prepared / name).read_bytes())
    return folder


class Train:
    """Runs the stage with a small `tiny`; its outputs and its state lie in `root`."""

    def __init__(self, stage: Stage, params_file: ParamsFile, data: Path, root: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
        self.stage, self.params_file, self.data = stage, params_file, data
        self.monkeypatch = monkeypatch
        self.at(root)

    def at(self, root: Path) -> "Train":
        root.mkdir(exist_ok=True)
        self.root = root
        self.monkeypatch.setenv("DVC_ROOT", str(root))
        return self

    @property
    def model(self) -> Path:
        return self.root / "models" / "current"

    @property
    def live(self) -> Path:
        return self.root / "metrics" / "train"

    @property
    def health(self) -> Path:
        return self.root / "metrics" / "health.json"

    def arguments(self, changes: dict[str, Any], overrides: dict[str, Any]) -> list[str]:
        best_file.write(self.root / "best.yaml", "tuned", overrides)
        options = {
            "params": self.params_file(SHORT | changes), "data": self.data, "best": self.root / "best.yaml",
            "model": self.model, "environment": self.root / "models" / "environment.json", "live": self.live,
            "health": self.health,
        }  # fmt: skip
        return [f"--{name}={value}" for name, value in options.items()]

    def __call__(self, changes: dict[str, Any] | None = None, overrides: dict[str, Any] | None = None) -> Ended:
        return self.stage("train", *self.arguments(changes or {}, overrides or {}))

    def environment(self) -> dict[str, Any]:
        return read_json(self.root / "models" / "environment.json")

    def table(self, name: str) -> list[dict[str, str]]:
        path = self.live / "plots" / "metrics" / f"{name}.tsv"
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))

    def written(self) -> dict[str, bytes]:
        """All files of the model and of the metrics."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for folder in (self.model, self.live.parent)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def train(stage: Stage, params_file: ParamsFile, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **SMALL))
    return Train(stage, params_file, data, tmp_path / "run", monkeypatch)


def refused(ended: Ended, train: Train, *words: str) -> None:
    """A last line that holds the words, exit status 2, and nothing written."""
    assert ended.status == 2
    assert "Traceback" not in ended.err
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    for word in words:
        assert word in last, last
    left = {str(path.relative_to(train.root)) for path in train.root.rglob("*") if path.is_file()}
    assert left == {"best.yaml"}


@pytest.mark.parametrize(
    ("task", "auto_class"),
    [
        ("cls", "AutoModelForSequenceClassification"),
        ("span", "AutoModelForTokenClassification"),
        ("evidence", "AutoModelForQuestionAnswering"),
        ("cls+span", None),
        ("evidence+cls", None),
    ],
)
def test_the_model_is_a_plain_checkpoint_that_scores_what_the_summary_says(
    task: str, auto_class: str | None, train: Train
) -> None:
    assert train({"task": task, "train.epochs": 2}).status == 0
    names = {path.name for path in train.model.iterdir()}
    assert names == {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    if auto_class:
        plain = getattr(transformers, auto_class).from_pretrained(train.model)
        assert type(plain).__module__.startswith("transformers.models.")
    loaded = checkpoint.load(train.model)
    assert "+".join(loaded.labels) == task
    rows = loaded.predict(read_examples(train.data / "validation.jsonl"), 8)
    best = read_json(train.live / "metrics.json")["best"]
    assert validation_scores(loaded.tasks, rows)["primary"] == best["primary"]
    assert best["epoch"] in (1.0, 2.0)


def test_the_command_of_the_specification_runs_on_the_trained_model(train: Train) -> None:
    train()
    (found,) = pipeline("text-classification", model=str(train.model))(["הוא ישב על הגדר."])
    assert found["label"] in ("Literal", "Figurative")


def test_the_environment_says_with_what_and_at_what_cost(train: Train) -> None:
    train({"train.epochs": 2})
    environment = train.environment()
    assert environment.keys() == ENVIRONMENT
    assert environment["steps"] == 2 * 3
    assert environment["learning_rate"] == 2e-3
    assert environment["torch"] == torch.__version__
    assert environment["precision"] in ("fp32", "bf16", "fp16")
    for name in ("seconds", "samples_per_second", "peak_memory_mib"):
        assert environment[name] > 0


def test_the_costs_of_each_epoch_are_listed(train: Train) -> None:
    train({"train.epochs": 2})
    epochs = train.environment()["epochs"]
    assert [found["epoch"] for found in epochs] == [1.0, 2.0]
    assert all(found["samples_per_second"] > 0 and found["peak_memory_mib"] > 0 for found in epochs)


def test_every_health_rule_is_judged(train: Train) -> None:
    ended = train({"train.epochs": 2})
    found = read_json(train.health)
    assert found["rules"].keys() == RULES.keys()
    assert all(rule.keys() == {"status", "figures", "thresholds", "message"} for rule in found["rules"].values())
    assert found["status"] == max((rule["status"] for rule in found["rules"].values()), key=STATUSES.index)
    assert found["rules"]["reload"]["figures"] == {"difference": 0.0}
    assert found["rules"]["loss_trend"]["status"] == "not_applicable", "six steps are no trend"
    best = read_json(train.live / "metrics.json")["best"]
    assert found["rules"]["majority"]["figures"] == {"f1_macro": best["primary"]}
    assert ended.out.splitlines()[-1].startswith("health ")


def test_the_majority_is_that_of_the_baseline_on_validation(train: Train) -> None:
    train({"task": "cls+span"})
    validation, learnt = (read_examples(train.data / f"{name}.jsonl") for name in ("validation", "train"))
    most = max(LABELS, key=[row.label for row in learnt].count)
    right = [row.label == most for row in validation]
    f1 = 2 * sum(right) / (len(right) + sum(right)) / len(LABELS)  # that of the other label is 0
    assert read_json(train.health)["rules"]["majority"]["thresholds"] == {"f1_macro": f1, "span_f1": 0.0}


def expecting(train: Train, folder: Path, expected: dict[str, Any]) -> None:
    """Gives the data a corpus that expects this."""
    shutil.copytree(train.data, folder)
    write_json(folder / "corpus.json", read_json(folder / "corpus.json") | {"expected": expected})
    train.data = folder


def test_the_range_of_the_corpus_says_nothing_of_weights_that_were_random(train: Train, tmp_path: Path) -> None:
    expecting(train, tmp_path / "data", {"cls": {"f1_macro": [0.9, 1.0]}, "span": {"span_f1": [0.9, 1.0]}})
    train()
    found = read_json(train.health)["rules"]["expected"]
    assert found["status"] == "not_applicable"
    assert "fine-tuned" in found["message"]


def test_a_range_of_a_metric_that_is_none_is_refused_before_training(train: Train, tmp_path: Path) -> None:
    expecting(train, tmp_path / "data", {"cls": {"f1": [0.9, 1.0]}})
    refused(train(), train, "expected.cls", "corpus.yaml", "'f1'", "f1_macro")


RED = {"train.health.train_loss_red_flag": 1e-6, "train.health.train_loss_warning": 1e-6}


def test_a_red_flag_is_told_and_is_no_failure_unless_it_is_said_to_be(train: Train) -> None:
    ended = train(RED)
    assert ended.status == 0
    assert read_json(train.health)["status"] == "red_flag"
    assert [line.split(":")[0] for line in ended.out.splitlines()].count("red flag train_loss") == 1
    assert "red_flag: train_loss" in ended.out.splitlines()[-1]
    assert not any((train.root / ".checkpoints").glob("*"))


def test_a_red_flag_that_fails_the_stage_leaves_everything_written_and_is_judged_anew_from_its_best_epoch(
    train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing = {**RED, "train.health.fail_on": "red_flag", "train.epochs": 2}
    train.at(tmp_path / "failed")
    ended = train(failing)
    assert ended.status == 2
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("error: train.health.fail_on: red_flag, and the run has red flags: train_loss")
    assert str(train.health) in last
    judged, written = read_json(train.health), train.written()
    assert judged["rules"]["train_loss"]["status"] == "red_flag"
    assert checkpoint.load(train.model).labels == {"cls": list(LABELS)}
    assert train.environment().keys() == ENVIRONMENT

    shutil.rmtree(train.live.parent)  # as DVC does before a stage is run again
    steps: list[int] = []
    logged = LiveCallback.on_log

    def counted(self: LiveCallback, args: Any, state: Any, control: Any, logs: Any = None, **options: Any) -> None:
        steps.extend([state.global_step] if "grad_norm" in logs else [])
        logged(self, args, state, control, logs, **options)

    monkeypatch.setattr(LiveCallback, "on_log", counted)
    assert train({"train.epochs": 2}).status == 0
    assert 1 not in steps
    assert not any((train.root / ".checkpoints").glob("*"))
    again = train.written()
    assert again.pop("metrics/health.json") != written.pop("metrics/health.json")
    assert again == written


def test_without_a_learning_rate_tiny_has_its_own(train: Train) -> None:
    train({"train.learning_rate": None})
    assert train.environment()["learning_rate"] == 5e-4


def test_training_is_logged_by_optimizer_step_and_validation_by_epoch_without_the_wall_clock(train: Train) -> None:
    train({"train.epochs": 2, "train.gradient_accumulation_steps": 2})
    names = {str(path.relative_to(train.live / "plots" / "metrics")) for path in train.live.rglob("*.tsv")}
    assert {name for name in names if name.startswith("train/")} == {
        "train/loss.tsv", "train/grad_norm.tsv", "train/learning_rate.tsv"
    }  # fmt: skip
    assert {"validation/primary.tsv", "validation/f1_macro.tsv", "validation/accuracy.tsv"} <= names
    assert not any(word in name for name in names for word in ("runtime", "second", "flos", "epoch", "time"))
    losses = train.table("train/loss")
    assert [row["step"] for row in losses] == ["1", "2", "3", "4"]
    assert all(set(row) == {"step", "loss"} for row in losses)
    assert [row["step"] for row in train.table("validation/primary")] == ["2", "4"]
    assert {path.name for path in train.live.iterdir()} == {"metrics.json", "plots"}


@pytest.mark.parametrize("task", ["cls", "cls+span"])
def test_two_equal_runs_write_equal_bytes(task: str, train: Train, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        assert train.at(tmp_path / name)({"task": task}).status == 0
        written.append(train.written())
    assert written[0].keys() == written[1].keys()
    for name, content in written[0].items():
        assert written[1][name] == content, name
    assert train.at(tmp_path / "three")({"task": task, "seed": 8}).status == 0
    assert train.written()["models/current/model.safetensors"] != written[0]["models/current/model.safetensors"]


def test_the_overrides_of_hpo_win_over_params(train: Train) -> None:
    train(overrides={"learning_rate": 3e-05, "epochs": 2})
    assert train.environment()["learning_rate"] == 3e-5
    assert train.environment()["steps"] == 2 * 3


def test_what_resuming_needs_is_removed_on_success(train: Train) -> None:
    train()
    assert not any((train.root / ".checkpoints").glob("*"))
    assert not [path for path in train.root.rglob("*") if "optimizer" in path.name or "checkpoint-" in path.name]


def test_without_dvc_the_state_lies_in_the_working_folder_and_is_removed_as_well(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_ROOT")
    seen = []
    monkeypatch.setattr(LiveCallback, "on_save", lambda *_, **__: seen.extend(tmp_path.glob(".checkpoints/*/*")))
    assert train().status == 0
    assert [path.name for path in seen] == ["checkpoint-3"]
    assert not any((tmp_path / ".checkpoints").glob("*"))


def test_a_run_that_is_killed_goes_on_and_ends_with_the_bytes_of_one_that_was_not(train: Train, tmp_path: Path) -> None:
    changes = {"train.epochs": 3, "task": "cls+span", "train.represent.steps": [0, 2, 3, 5]}
    assert train.at(tmp_path / "whole")(changes).status == 0
    whole, expected = train.written(), train.table("train/loss")
    assert [name for name in whole if "representations" in name] == [
        f"metrics/train/representations/step-{step}.safetensors" for step in (0, 2, 3, 5)
    ]

    train.at(tmp_path / "killed")
    arguments = [sys.executable, "-c", KILLED, *train.arguments(changes, {})]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (state,) = (train.root / ".checkpoints").glob("*/checkpoint-*")
    assert state.name == "checkpoint-3"
    assert not train.model.exists()

    steps: list[int] = []
    logged = LiveCallback.on_log

    def counted(self: LiveCallback, args: Any, state: Any, control: Any, logs: Any = None, **options: Any) -> None:
        steps.extend([state.global_step] if "grad_norm" in logs else [])
        logged(self, args, state, control, logs, **options)

    train.monkeypatch.setattr(LiveCallback, "on_log", counted)
    resumed = train(changes)
    assert resumed.status == 0
    epochs = [line for line in resumed.out.splitlines() if line.startswith("Epoch ")]
    assert epochs == epoch_lines(train, "primary")[1:]
    assert steps == [4, 5, 6, 7, 8, 9]
    assert [row["step"] for row in train.table("train/loss")] == [str(step) for step in range(1, 10)]
    assert train.table("train/loss") == expected
    assert train.written().keys() == whole.keys()
    for name, content in whole.items():
        assert train.written()[name] == content, name
    assert not any((train.root / ".checkpoints").glob("*"))


@pytest.mark.parametrize(
    "changes", [{"seed": 8}, {"train.weight_decay": 0.5}, {"task": "span"}, {"labels": ["Figurative", "Literal"]}]
)
def test_a_killed_run_is_not_taken_up_by_another_one(
    changes: dict[str, Any], train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):  # noqa: N818
        pass

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(LiveCallback, "on_save", kill)
        with pytest.raises(Killed):
            train({"train.epochs": 2})
    assert list((train.root / ".checkpoints").glob("*/checkpoint-3"))
    other = {"train.epochs": 2} | changes
    if labels := other.pop("labels", None):
        folder = tmp_path / "other labels"
        folder.mkdir()
        for name in ("train.jsonl", "validation.jsonl", "corpus.json"):
            (folder / name).write_bytes((train.data / name).read_bytes())
        (folder / "labels.json").write_text(json.dumps(labels))
        train.data = folder
    assert train(other).status == 0
    found = train.written()
    assert train.at(tmp_path / "clean")(other).status == 0
    assert train.written() == found


@pytest.mark.parametrize(
    ("changes", "overrides", "words"),
    [
        pytest.param({"model": "alephbret"}, {}, ["'alephbret'", "alephbert"], id="unknown model"),
        pytest.param({"model": "neodictabert"}, {}, ["train.trust_remote_code"], id="remote code"),
        pytest.param({"model": "./nowhere"}, {}, ["./nowhere"], id="no such folder"),
        pytest.param({"model": "dictabert"}, {}, ["dicta-il/dictabert", "HF_HUB_OFFLINE"], id="not in the cache"),
        pytest.param({"task": "clss"}, {}, ["'clss'", "did you mean 'cls'"], id="unknown task"),
        pytest.param({"train.max_length": 513}, {}, ["train.max_length", "513", "512"], id="too long"),
        pytest.param({}, {"epoch": 1}, ["best.yaml", "epoch", "did you mean 'epochs'"], id="unknown override"),
        pytest.param({"train.task_weights": {"span": 2.0}}, {}, ["train.task_weights", "span"], id="task weight"),
        pytest.param({"train.pooling": "mean"}, {}, ["train.pooling", "task: cls "], id="nothing to pool"),
        pytest.param({}, {"focal_gamma": 2.0, "label_smoothing": 0.1}, ["focal_gamma", "label_smoothing"], id="focal"),
        pytest.param({"train.trainer": {"optimm": 1}}, {}, ["train.trainer", "optimm"], id="unknown argument"),
        pytest.param({"train.trainer": {"seed": 1}}, {}, ["train.trainer.seed"], id="owned argument"),
    ],
)
def test_a_run_that_cannot_work_is_refused_and_writes_nothing(
    changes: dict[str, Any], overrides: dict[str, Any], words: list[str], train: Train
) -> None:
    refused(train(changes, overrides), train, *words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU can do fp16")
def test_half_precision_without_a_gpu_is_refused_and_writes_nothing(train: Train) -> None:
    refused(train({"train.precision": "fp16"}), train, "train.precision", "fp16", "GPU")


def test_data_that_are_not_prepared_are_refused_and_nothing_is_written(train: Train, tmp_path: Path) -> None:
    train.data = tmp_path / "nowhere"
    refused(train(), train, "nowhere", "does not exist")


def test_a_model_that_was_there_stays_until_the_new_one_is_whole(train: Train) -> None:
    train()
    before = train.written()
    assert train({"model": "alephbret"}).status == 2
    assert train.written() == before
    assert train({"seed": 8}).status == 0
    after = train.written()
    assert after.keys() == before.keys()
    assert after["models/current/model.safetensors"] != before["models/current/model.safetensors"]


def test_a_run_waits_for_an_equal_one_and_says_so_and_not_for_that_of_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: SimpleQueue[str] = SimpleQueue()
    monkeypatch.setattr(resume_state, "print", lambda text, flush: said.put(text), raising=False)

    def enter() -> str:
        with resume_state.exclusive(tmp_path / "state"):
            return "entered"

    with ThreadPoolExecutor(1) as other:
        with resume_state.exclusive(tmp_path / "state"):
            waiting = other.submit(enter)
            assert said.get(timeout=20) == "an equal run is training; waiting until it has ended"
            with resume_state.exclusive(tmp_path / "another"):
                assert said.empty()
            assert not waiting.done()
        assert waiting.result(timeout=20) == "entered"
    assert not any(tmp_path.iterdir())


def test_equal_runs_take_turns(tmp_path: Path) -> None:
    """Each removes the lock while others wait for it."""
    inside, most = 0, []

    def enter() -> None:
        nonlocal inside
        for _ in range(3):
            with resume_state.exclusive(tmp_path / "state"):
                inside += 1
                time.sleep(0.01)
                most.append(inside)
                inside -= 1

    with ThreadPoolExecutor(3) as runs:
        for entered in [runs.submit(enter) for _ in range(3)]:
            entered.result(timeout=60)
    assert most == [1] * 9


def test_a_state_is_of_all_that_a_training_learns_by(
    data: Path, tmp_path: Path, params_file: ParamsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = config.load(params_file(SHORT))
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(resume_state, "SRC", tmp_path / "src")
    encoder = Encoder(str(tmp_path / "encoder"))
    (tmp_path / "encoder").mkdir()
    model = Checkpoint(None, None, {}, 8)  # type: ignore[arg-type]

    def key() -> str:
        return resume_state.key(encoder, model, params, params.train, data)

    keys = [key()]
    assert key() == keys[0]
    params.train.trainer["report_to"] = ["tensorboard"]
    assert key() == keys[0]
    params.train.trainer["optim"] = "sgd"
    keys.append(key())
    model = replace(model, precision="bf16")
    keys.append(key())
    learning = (
        "training/trainer.py", "tasks/cls/model.py", "text/words.py", "core/records.py", "core/config.py",
        "stages/train.py",
    )  # fmt: skip
    for name in ("encoder/model.safetensors", *(f"src/{name}" for name in learning)):
        with (tmp_path / name).open("a") as file:
            file.write("# changed")
        keys.append(key())
    monkeypatch.setattr(torch, "__version__", "0.0.0")
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_logs_of_tensorboard_outlive_the_state(train: Train) -> None:
    train.monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")  # which is put back as it was
    train.monkeypatch.delenv("TENSORBOARD_LOGGING_DIR")
    assert train({"train.trainer": {"report_to": "tensorboard"}}).status == 0
    assert len(list(train.root.glob("runs/tiny-cls-7-*/events*"))) == 1


def epoch_lines(train: Train, metric: str) -> list[str]:
    """The lines on the epochs of a run of three, from its DVCLive files."""
    scores = [float(row["primary"]) for row in train.table("validation/primary")]
    best = [" (best)" if score > max(scores[:i], default=-1) else "" for i, score in enumerate(scores)]
    return [f"Epoch {i + 1}/3: validation {metric} {score:.3f}{best[i]}" for i, score in enumerate(scores)]


def test_progress_in_a_pipe_is_whole_lines_in_order(train: Train, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LINE_PER_STEP, *train.arguments({"train.epochs": 3}, {})],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False,
    )  # fmt: skip
    output = ended.stdout.decode()
    assert ended.returncode == 0, output
    assert "\r" not in output
    expected = []
    for epoch, line in enumerate(epoch_lines(train, "f1_macro"), start=1):
        expected += [rf"Epoch {epoch}/3: step {3 * epoch - left} of 9, 0:\d\d:\d\d left" for left in (2, 1, 0)]
        expected.append(re.escape(line))
    shown = [line for line in output.splitlines() if line.startswith("Epoch ")]
    assert re.fullmatch("\n".join(expected), "\n".join(shown)), output


def test_progress_on_a_terminal_is_a_bar_with_the_time_that_remains(train: Train, tmp_path: Path) -> None:
    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(
        [sys.executable, "-c", LINE_PER_STEP, *train.arguments({"train.epochs": 3}, {})],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    output = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while part := os.read(terminal, 4096):
            output += part
    os.close(terminal)
    shown = output.decode()
    assert process.wait() == 0, shown
    assert re.search(r"\r *100%\|█+\| 9/9 \[\d\d:\d\d<00:00, ", shown), shown
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.startswith("Epoch ")]
    assert lines == epoch_lines(train, "f1_macro")

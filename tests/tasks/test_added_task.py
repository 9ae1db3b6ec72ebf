"""A task is one folder and one row of TASKS: `topics`, a multi-label classification, goes through the whole project.

pytest tests/tasks/test_added_task.py
"""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from ruamel.yaml import YAML
from transformers import BertConfig

from src.models import checkpoint, tiny
from src.tasks import TASKS
from src.tasks.prediction_file import read_predictions
from src.tasks.task import Task
from tests.conftest import ROOT, Command, Stage
from tests.project import write_params
from tests.tasks.topics import Topics

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
STAGES = {
    "prepare": "--corpus=raw/topics --out=data --statistics=data.json",
    "hpo": f"--data=data --tuned={ROOT / 'tuned.yaml'} --out=hpo",
    "train": "--data=data --best=hpo/best.yaml --model=model --environment=environment.json --live=live "
    "--health=health.json",
    "evaluate": "--model=model --data=data --metrics=evaluate.json --predictions=predictions --plots=plots",
}


class Run(NamedTuple):
    """A folder in which all stages have run, and what evaluate printed."""

    folder: Path
    out: str


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "topics", Topics())


@pytest.fixture
def run(topics: None, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **SMALL))
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "raw/topics")
    changes = {"task": "topics", "train.epochs": 8, "train.learning_rate": 5e-3, "evaluate.bootstrap_samples": 20}
    write_params(tmp_path / "params.yaml", {"prepare.corpus": "topics", **changes})
    for name, options in STAGES.items():
        ended = stage(name, *options.split())
        assert ended.status == 0, ended.err
    return Run(tmp_path, ended.out)


def write_corpus(folder: Path) -> None:
    """The sample corpus with topics: whether a sentence is figurative, and whether it is long."""
    folder.mkdir(parents=True)
    with (ROOT / "data/raw/sample/sentences.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))[::2]
    lines = []
    for row in rows:
        names = {"figurative": row["label_str"] == "Figurative", "long": len(row["sentence"].split()) > 6}
        record = {
            "id": row["id"], "text": row["sentence"], "idiom": row["base_pie"], "split": row["split"],
            "topics": [name for name, holds in names.items() if holds],
        }  # fmt: skip
        lines.append(json.dumps(record, ensure_ascii=False))
    (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    columns = {"id": "id", "text": "text", "group": "idiom", "split": "split", "extra": {"topics": "topics"}}
    corpus = {
        "description": "x", "language": "he", "licence": "MIT", "fetch": "x", "reader": "jsonl",
        "files": ["rows.jsonl"], "labels": [], "columns": columns,
    }  # fmt: skip
    YAML().dump(corpus, folder / "corpus.yaml")


def test_the_class_satisfies_the_protocol() -> None:
    task: Task = Topics()
    assert task.name == "topics"


def test_a_task_of_a_folder_and_a_row_is_prepared_trained_evaluated_and_used(run: Run, command: Command) -> None:
    assert "topics topics_f1 model: test 0." in run.out
    assert "topics topics_f1 majority: test 0." in run.out
    scores = json.loads((run.folder / "evaluate.json").read_text())
    assert scores["topics"]["test"]["topics_f1"] > scores["baselines"]["topics"]["majority"]["test"]["topics_f1"]
    rows = read_predictions(run.folder / "predictions/test.jsonl")
    assert {topic for row in rows for topic in row.predicted} <= {"figurative", "long"}

    shutil.copy(run.folder / "predictions/test.jsonl", run.folder / "copy.jsonl")
    ended = command("tools.predict", "--model", "model", "הוא שבר את הקרח בבדיחה אחת")
    assert ended.status == 0, ended.err
    assert re.search(r"topics: figurative 0\.\d{3}, long 0\.\d{3}", ended.out)
    for tool, arguments, expected in (
        ("score", ["predictions"], "topics_exact"),
        ("errors", ["predictions", "--data", "data"], "most confident mistakes"),
        (
            "ensemble",
            ["predictions/test.jsonl", "predictions/../predictions/test.jsonl", "--out", "both.jsonl"],
            "wrote",
        ),
        ("compare", ["--predictions", "ours=predictions/test.jsonl", "both=both.jsonl"], "topics_f1"),
        ("report", ["--predictions", "ours=predictions", "--data", "data"], "report.html"),
    ):
        ended = command(f"tools.{tool}", *arguments)
        assert ended.status == 0, (tool, ended.err)
        assert expected in ended.out
    assert [row.predicted for row in read_predictions(run.folder / "both.jsonl")] == [row.predicted for row in rows]
    assert "topics_f1" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_a_saved_model_names_its_task_though_another_task_has_its_architecture(run: Run) -> None:
    config = json.loads((run.folder / "model/config.json").read_text())
    assert (config["task"], config["architectures"]) == ("topics", ["BertForSequenceClassification"])
    assert list(checkpoint.load(run.folder / "model").labels) == ["topics"]


def test_no_room_but_tasks_names_a_task() -> None:
    """design.md: nothing outside asks which task it has. The defaults of params.yaml are no code."""
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (ROOT / "src").rglob("*")
        if path.suffix in (".py", ".j2", ".css") and not path.is_relative_to(ROOT / "src/tasks")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"""["'](cls|span|evidence)["']""", line)
    ]
    assert named == []

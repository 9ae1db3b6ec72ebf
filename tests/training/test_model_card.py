"""The model card, read back as the hub reads it; nothing here asks the hub.

pytest tests/training/test_model_card.py
"""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from transformers.pipelines import SUPPORTED_TASKS

from src.core.files import read_json
from src.core.user_errors import UserError
from src.tasks import TASKS
from src.training import model_card

JOINT = "+".join(TASKS)


def created(prepared: Path, task: str = "cls", **options: Any) -> ModelCard:
    names = task.split("+")
    options = {"epoch": 2.0} | options
    return model_card.create(
        {name: ["Literal", "Figurative"] if name == "cls" else [] for name in names},
        read_json(prepared / "corpus.json") | options.pop("corpus", {}),
        prepared,
        {"model": "dictabert", "task": task, "seed": 7, "mode": "full", "max_length": 64, "revision": None},
        {TASKS[name].primary_metric: 0.75 for name in names},
        **options,
    )


@pytest.mark.parametrize("task", [*TASKS, JOINT])
def test_the_metadata_come_back_as_they_were_written(task: str, prepared: Path, tmp_path: Path) -> None:
    plain = "+" not in task
    created(prepared, task, base_model="dicta-il/dictabert", plain=plain).save(tmp_path / model_card.FILE)
    data = ModelCard.load(tmp_path / model_card.FILE).data
    assert (data.language, data.base_model, data.datasets) == ("he", "dicta-il/dictabert", None)
    assert (data.library_name, data.pipeline_tag) == (("transformers", TASKS[task].pipeline) if plain else (None, None))
    assert data.tags == [*task.split("+"), "full", "sample"]
    assert data["parameters"]["seed"] == 7
    content = (prepared / "train.jsonl").read_bytes()
    assert data["corpus"]["train"] == {"rows": len(content.splitlines()), "md5": hashlib.md5(content).hexdigest()}
    found = [(one.task_name, one.dataset_split, one.metric_type, one.metric_value) for one in data.eval_results]
    assert found == [(name, "validation", TASKS[name].primary_metric, 0.75) for name in task.split("+")]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_name_that_the_hub_knows(task: str) -> None:
    known = {*SUPPORTED_TASKS, "question-answering"}  # a task of the hub still, of which transformers 5 has no pipeline
    assert TASKS[task].pipeline in known


@pytest.mark.parametrize(
    ("task", "plain", "expected"),
    [
        ("cls", True, 'pipeline("text-classification", model='),
        ("span", True, 'pipeline("token-classification", model='),
        ("evidence", True, "AutoModelForQuestionAnswering.from_pretrained"),
        (JOINT, False, "python -m src predict --model"),
        ("cls", False, "python -m src predict --model"),
    ],
)
def test_the_card_says_how_the_model_is_loaded(task: str, plain: bool, expected: str, prepared: Path) -> None:
    text = created(prepared, task, plain=plain).text
    loaded = text.split("## How to load it")[1].split("##")[0]
    assert expected in loaded
    assert loaded.count("```") == 2
    assert f"# dictabert-{task}-sample\n" in text
    assert "`revision`" not in text  # it was not set


def test_what_has_learnt_nothing_is_not_said_to_have_learnt(prepared: Path) -> None:
    learnt = "trained for", "was trained on", "Epoch 2 has the best", "The best epoch was chosen", "first 64 sub-words"
    trained, untrained = created(prepared).text, created(prepared, epoch=0.0).text
    assert all(said in trained for said in learnt)
    assert not any(said in untrained for said in learnt[1:])
    assert "used without training for" in untrained
    assert "- The model was not trained: " in untrained


def test_a_data_set_of_the_hub_is_named_by_its_id(prepared: Path) -> None:
    hub = {"hub": "nyu-mll/glue", "revision": "0" * 40}
    assert created(prepared, corpus=hub).data.datasets == ["nyu-mll/glue"]


def test_scores_on_test_take_the_place_of_the_line_that_says_there_are_none(prepared: Path, tmp_path: Path) -> None:
    created(prepared).save(tmp_path / model_card.FILE)
    results = [model_card.result("cls", "sample", "test", "f1_macro", 0.5)]
    model_card.completed(tmp_path, results, "| the table |").save(tmp_path / model_card.FILE)
    found = ModelCard.load(tmp_path / model_card.FILE)
    assert [result.dataset_split for result in found.data.eval_results] == ["validation", "test"]
    assert "| the table |" in found.text
    assert model_card.UNTESTED not in found.text
    with pytest.raises(UserError, match="is not an unchanged card from training"):
        model_card.completed(tmp_path, results, "again")
    with pytest.raises(UserError, match="is not an unchanged card from training"):
        model_card.completed(tmp_path / "nowhere", results, "again")

"""Training for evidence: it learns to answer and not to, chooses its threshold on validation, and keeps it.

pytest tests/training/test_fit_evidence.py
"""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForQuestionAnswering, BertConfig, set_seed

from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint, tiny
from src.models.batches import encode, features
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.tasks import TASKS, label_sets, parse, validation_scores
from src.training.fit import Fit, fit
from tests.models.conftest import Make, TrainParamsWith
from tests.tasks.evidence.test_evidence import squad

TASK = TASKS["evidence"]
FILLER = ["the", "of", "and", "in", "was", "that", "for", "with", "from", "had", "by", "not", "but", "were", "when"]
WANTED = {"who": ["alice", "bob", "carol"], "where": ["haifa", "lod", "acre"]}


def made_up(count: int, seed: int, split: str) -> list[Example]:
    """Asks who or where; one word of the long context says it, in two thirds of the rows."""
    draw = np.random.default_rng(seed)
    examples = []
    for i in range(count):
        asked = str(draw.choice(list(WANTED)))
        words = list(draw.choice(FILLER, 40))
        answers = []
        if draw.random() < 2 / 3:
            place = int(draw.integers(40))
            words[place] = draw.choice(WANTED[asked])
            start = sum(len(word) + 1 for word in words[:place])
            answers = [[start, start + len(words[place])]]
        texts = {"text": f"{asked}?", "text_pair": " ".join(words)}
        examples.append(Example(id=f"{split}{i}", **texts, answers=answers, label=asked, split=split))
    return examples


TRAIN, VALIDATION, TEST = made_up(240, 1, "train"), made_up(60, 2, "validation"), made_up(60, 3, "test")
SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
WINDOWS = {"max_length": 32, "stride": 8, "batch_size": 16}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **SMALL))


def trained(task: str, params: Any, folder: Path, validation: Sequence[Example] = VALIDATION) -> tuple[Checkpoint, Fit]:
    labels = label_sets(parse(task), TRAIN, ["who", "where"])
    set_seed(0)
    made = checkpoint.create(Encoder(None), labels, TRAIN, params)
    result = fit(
        made, encode(made, TRAIN), encode(made, validation), params, learning_rate=2e-3, seed=0, state_folder=folder
    )
    return made, result


def f1(rows: Sequence[Any]) -> float:
    return TASK.score([row for row in rows if row.task == "evidence"])["evidence_f1"]


@pytest.mark.usefixtures("small")
def test_it_learns_to_answer_from_windows_and_beats_the_baselines(
    train_params: TrainParamsWith, tmp_path: Path
) -> None:
    made, result = trained("evidence", train_params(epochs=5, **WINDOWS), tmp_path / "state")
    windows = encode(made, TEST).windows
    assert min(len(found) for found in windows) > 1
    rows = made.predict(TEST, 16)
    for baseline in TASK.baselines([]).values():
        assert f1(rows) > f1(baseline(TRAIN, {"test": TEST}, [])["test"]) + 0.2
    assert {bool(row.predicted) for row in rows} == {True, False}

    assert validation_scores([TASK], made.predict(VALIDATION, 16))["primary"] == result.primary
    (best,) = [entry for entry in result.history if entry.get("epoch") == result.epoch and "eval_primary" in entry]
    assert made.settings["null_threshold"] == best["eval_null_threshold"]
    for shift in (-3.0, -1.0, 1.0, 3.0):
        other = replace(made, settings=made.settings | {"null_threshold": made.settings["null_threshold"] + shift})
        assert f1(other.predict(VALIDATION, 16)) <= result.primary

    made.save(tmp_path / "model")
    loaded = checkpoint.load(tmp_path / "model")
    assert loaded.settings == made.settings | {"stride": 8, "max_answer_length": 30}
    assert loaded.predict(TEST, 16) == rows
    assert AutoModelForQuestionAnswering.from_pretrained(tmp_path / "model").config.task_settings == made.settings


@pytest.mark.usefixtures("small")
def test_a_joint_model_learns_both_from_windows(train_params: TrainParamsWith, tmp_path: Path) -> None:
    part = [replace(example, label=None) if i % 3 == 0 else example for i, example in enumerate(VALIDATION)]
    params = train_params(epochs=4, pooling="max", focal_gamma=1.0, class_weights="balanced", **WINDOWS)
    made, result = trained("cls+evidence", params, tmp_path / "state", part)
    rows = made.predict(TEST, 16)
    assert f1(rows) > 0.6
    assert np.mean([row.correct for row in rows if row.task == "cls"]) > 0.9
    assert len(rows) == 2 * len(TEST)
    assert validation_scores(made.tasks, made.predict(part, 16))["primary"] == result.primary
    settings = made.settings.copy()
    made.save(tmp_path / "model")
    assert checkpoint.load(tmp_path / "model").settings == settings
    assert json.loads((tmp_path / "model/config.json").read_text())["task_settings"] == settings


def test_every_window_has_the_label_of_the_whole_and_the_mean_of_its_windows_decides(make: Make) -> None:
    made = replace(make("cls+evidence", max_length=32, stride=8), labels={"cls": ["who", "where"], "evidence": [0, 1]})
    (windows,) = encode(made, TEST[:1]).windows
    assert len(windows) > 1
    rows = features(made, encode(made, TEST[:1]))
    assert {row["cls"] for row in rows} == {["who", "where"].index(TEST[0].label or "")}
    logits = [np.array([0.0, 3.0]), np.array([1.0, 0.0]), np.array([1.0, 0.0])]
    row = TASKS["cls"].decode(logits, windows, TEST[0], ["who", "where"], {})
    assert (row.predicted, row.probabilities["where"]) == ("where", pytest.approx(1 / (1 + math.exp(-1 / 3))))


def test_a_model_of_another_program_is_read_with_the_default_settings(make: Make, tmp_path: Path) -> None:
    made = make("evidence", max_length=64, stride=7, max_answer_length=9)
    made.model.config.save_pretrained(tmp_path)
    made.save(tmp_path)
    assert checkpoint.load(tmp_path).settings == {"stride": 7, "max_answer_length": 9, "null_threshold": 0.0}
    config = json.loads((tmp_path / "config.json").read_text())
    del config["task_settings"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert checkpoint.load(tmp_path).settings == dict(TASK.settings)


def test_a_model_without_evidence_has_no_settings(make: Make, tmp_path: Path) -> None:
    make("cls+span").save(tmp_path)
    assert "task_settings" not in json.loads((tmp_path / "config.json").read_text())


def test_a_resumed_run_ends_with_the_threshold_of_the_best_epoch(
    make: Make, train_params: TrainParamsWith, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made, again = make("evidence"), make("evidence")
    for one in (made, again):
        train, validation = encode(one, splits["train"][:16]), encode(one, splits["validation"])
        fit(one, train, validation, train_params(), learning_rate=1e-3, seed=0, state_folder=tmp_path)
    assert made.settings == again.settings != dict(TASK.settings)


@pytest.mark.parametrize(
    ("task", "changes", "key"),
    [
        ("evidence", {"label_smoothing": 0.1}, "label_smoothing"),
        ("evidence", {"class_weights": "balanced"}, "class_weights"),
        ("evidence", {"focal_gamma": 2.0}, "focal_gamma"),
        ("cls", {"pooling": "mean"}, "pooling"),
        ("cls", {"separate_encoders": True}, "separate_encoders"),
        ("span+evidence", {"pooling": "first"}, "pooling"),
        ("span+evidence", {"separate_encoders": True}, "separate_encoders"),
    ],
)
def test_what_has_no_effect_on_the_task_is_refused_with_key_and_task(
    task: str, changes: dict[str, Any], key: str, make: Make, train_params: TrainParamsWith,
    splits: dict[str, list[Example]],
) -> None:  # fmt: skip
    made = make(task)
    encoded = encode(made, splits["validation"])
    with pytest.raises(UserError, match=rf"train\.{key} .*task: {task.replace('+', r'.')}"):
        fit(made, encoded, encoded, train_params(**changes), learning_rate=1e-3, seed=0)


@pytest.mark.usefixtures("small")
def test_a_part_of_the_real_corpus_is_learnt_by_heart(train_params: TrainParamsWith, tmp_path: Path) -> None:
    part = squad("dev-v2.0-subset100.json")[:12]
    params = train_params(epochs=16, max_length=256, stride=64, batch_size=4)
    set_seed(0)
    made = checkpoint.create(Encoder(None), {"evidence": ["start", "end"]}, part, params)
    encoded = encode(made, part)
    result = fit(made, encoded, encoded, params, learning_rate=2e-3, seed=0, state_folder=tmp_path)
    for baseline in TASK.baselines([]).values():
        assert result.primary > f1(baseline(part, {"test": part}, [])["test"]) + 0.1

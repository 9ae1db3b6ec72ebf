"""Modes in the graph: what train writes in each, and that evaluate and the tools take it.

pytest tests/stages/test_modes.py
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification, BertConfig, BertForMaskedLM, pipeline, set_seed

from src.core import best_file
from src.core.files import read_json, write_json
from src.core.records import Example, write_examples
from src.models import checkpoint, tiny
from src.tasks.prediction_file import read_predictions
from tests.conftest import Command, Ended, ParamsFile

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SHORT = {"train.epochs": 1, "train.batch_size": 8, "train.learning_rate": 2e-3, "evaluate.bootstrap_samples": 10}
Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def data(prepared: Path, splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, count in (("train", 24), ("validation", 12), ("test", 12), ("unseen", 12)):
        step = len(splits[name]) // count
        write_examples(folder / f"{name}.jsonl", splits[name][::step][:count])
    for name in ("corpus.json", "labels.json", "idioms.json", "label_words.json"):
        shutil.copy(prepared / name, folder)
    expected = {"cls": {"f1_macro": [0.1, 0.2]}, "span": {"span_f1": [0.9, 1.0]}}
    write_json(folder / "corpus.json", read_json(folder / "corpus.json") | {"expected": expected})
    return folder


@pytest.fixture(scope="module")
def encoder(splits: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what stands in for a pretrained encoder."""
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = tiny.tokenizer([*splits["train"], Example(id="words", text="מילולית מושאלת", split="train")])
    set_seed(0)
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **SMALL)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def train(
    command: Command, params_file: ParamsFile, data: Path, encoder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:  # fmt: skip
    """Runs the stage: train({"train.mode": "lora"})."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    best_file.write(tmp_path / "best.yaml", "fixed", {})

    def call(changes: dict[str, Any]) -> Ended:
        params = params_file({"model": str(encoder), **SHORT, **changes})
        return command(
            "stages.train", f"--params={params}", f"--data={data}", "--best=best.yaml", "--model=models/current",
            "--environment=models/environment.json", "--live=metrics/train", "--health=metrics/health.json",
        )  # fmt: skip

    return call


@pytest.fixture
def evaluate(command: Command, params_file: ParamsFile, data: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Runs the stage on what train wrote; returns the scores."""

    def call(changes: dict[str, Any]) -> dict[str, Any]:
        ended = command(
            "stages.evaluate", f"--params={params_file({**SHORT, **changes})}", "--model=models/current",
            f"--data={data}", "--metrics=metrics/evaluate.json", "--predictions=metrics/predictions",
            "--plots=metrics/plots",
        )  # fmt: skip
        assert ended.status == 0, ended.err
        return read_json(Path("metrics/evaluate.json"))

    return call


def graded() -> dict[str, list[str]]:
    """The health rules of each status, but of those that are not applicable."""
    found: dict[str, list[str]] = {}
    for name, rule in read_json(Path("metrics/health.json"))["rules"].items():
        if rule["status"] != "not_applicable":
            found.setdefault(rule["status"], []).append(name)
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"train.freeze_layers": 2},
        {"train.mode": "frozen"},
        {"train.mode": "lora"},
        {"train.mode": "lora", "train.lora.keep_adapter": True},
    ],
    ids=str,
)
def test_whatever_the_mode_a_plain_checkpoint_is_saved_and_the_share_that_learnt(
    changes: dict[str, Any], train: Run, evaluate: Run
) -> None:
    assert train({"task": "span", **changes}).status == 0
    written = {path.name for path in Path("models/current").iterdir()}
    plain = {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert written == plain | ({"adapter"} if "train.lora.keep_adapter" in changes else set())
    _, info = AutoModelForTokenClassification.from_pretrained("models/current", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert 0 < read_json(Path("models/environment.json"))["trainable_share"] < 0.4
    health = read_json(Path("metrics/health.json"))["rules"]
    assert health["reload"]["figures"] == {"difference": 0.0}
    assert health["finite_loss"]["status"] == "ok"
    frozen = changes.get("train.mode") == "frozen"
    assert health["expected"]["status"] == ("not_applicable" if frozen else "red_flag"), "24 rows teach it little"
    assert pipeline("token-classification", model="models/current")(["הוא ישב על הגדר."])
    assert "span_f1" in evaluate({"task": "span"})["span"]["test"]


def test_zero_shot_spans_are_those_of_the_baseline_in_all_that_follows(
    train: Run, evaluate: Run, command: Command
) -> None:
    fail_on = {"train.health.fail_on": "red_flag"}
    assert train({"task": "span", "model": "tiny", "train.mode": "zero_shot", **fail_on}).status == 0
    assert graded() == {"ok": ["majority", "memory", "reload"]}
    assert {path.name for path in Path("models/current").iterdir()} == {"README.md", "idioms.json"}
    card = ModelCard.load(Path("models/current/README.md"))
    assert (card.data.library_name, card.data.base_model) == (None, None)
    assert "python -m src predict" in card.text
    assert read_json(Path("models/environment.json"))["steps"] == 0
    assert read_json(Path("metrics/train/metrics.json"))["best"]["primary"] > 0.8
    for curve in ("train", "validation"):
        assert Path(f"metrics/train/plots/metrics/{curve}/loss.tsv").read_text() == "step\tloss\n"
    scores = evaluate({"task": "span"})
    assert scores["span"]["unseen"]["span_f1"] > 0.8
    assert scores["span"]["test"] == scores["baselines"]["span"]["lexicon_canonical"]["test"]
    said = command("tools.predict", "כולם ישבו על הגדר בוויכוח הזה")
    assert said.out.splitlines()[1].strip() == "span: ישבו על הגדר (IDIOM)"
    assert command("tools.score", "metrics/predictions").status == 0


def test_zero_shot_labels_are_predicted_in_the_precision_that_is_set_and_weights_are_saved_as_they_were(
    train: Run,
) -> None:
    assert train({"task": "cls", "train.mode": "zero_shot", "train.precision": "bf16"}).status == 0
    assert read_json(Path("models/environment.json"))["precision"] == "bf16"
    assert checkpoint.load(Path("models/current")).precision == "bf16"
    dtypes = {value.dtype for value in load_file("models/current/model.safetensors").values()}
    assert torch.float32 in dtypes
    assert torch.bfloat16 not in dtypes


def test_zero_shot_labels_come_with_probabilities_in_all_that_follows(
    train: Run, evaluate: Run, command: Command
) -> None:
    assert train({"task": "cls", "train.mode": "zero_shot"}).status == 0
    assert sorted(rule for rules in graded().values() for rule in rules) == ["majority", "memory", "reload"]
    assert "reload" in graded()["ok"]
    environment = read_json(Path("models/environment.json"))
    assert environment["trainable_share"] == 0
    assert environment["samples_per_second"] > 0
    best = read_json(Path("metrics/train/metrics.json"))["best"]
    assert 0 <= best["primary"] <= 1
    scores = evaluate({"task": "cls"})
    assert {"f1_macro", "ece"} <= scores["cls"]["test"].keys()
    assert all(0 < p < 1 for row in read_predictions(Path("metrics/predictions/test.jsonl"))
               for p in row.probabilities.values())  # fmt: skip
    assert "Literal" in command("tools.predict", "הוא ישב על הגדר").out
    assert command("tools.score", "metrics/predictions").status == 0


@pytest.mark.parametrize(
    ("mode", "model", "rate"),
    [("full", "tiny", 5e-4), ("full", None, 2e-5), ("frozen", "tiny", 1e-3), ("lora", None, 5e-4)],
)
def test_where_the_encoder_does_not_learn_the_learning_rate_is_that_of_the_mode(
    mode: str, model: str | None, rate: float, train: Run, encoder: Path
) -> None:
    train({"train.mode": mode, "model": model or str(encoder), "train.learning_rate": None})
    assert read_json(Path("models/environment.json"))["learning_rate"] == rate


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train.mode": "zero_shot", "model": "tiny"}, ["zero_shot", "tiny"]),
        ({"train.mode": "zero_shot", "task": "cls+span"}, ["zero_shot", "cls+span"]),
        ({"train.mode": "zero-shot"}, ["train.mode", "zero-shot"]),
        ({"train.freeze_layers": 3}, ["train.freeze_layers: 3", "2 layers"]),
        ({"train.mode": "lora", "train.lora.target_modules": ["q"]}, ["train.lora.target_modules", "'q'", "query"]),
        ({"train.mode": "lora", "train.lora.keep_adapter": True, "model": "tiny"}, ["train.lora.keep_adapter"]),
    ],
    ids=str,
)
def test_a_mode_that_cannot_be_is_refused_and_nothing_is_written(
    changes: dict[str, Any], words: list[str], train: Run
) -> None:
    ended = train(changes)
    assert ended.status == 2
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert all(word in last for word in words), last
    assert not Path("models").exists()
    assert not Path("metrics").exists()

"""Checkpoints of every architecture: made, saved, loaded, used by transformers' own pipelines; errors that help.

pytest tests/models/test_checkpoint.py
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import processors
from transformers import AutoTokenizer, CanineConfig, CanineModel, CanineTokenizer, pipeline

from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint
from src.models.batches import Collator, encode, features
from src.models.checkpoint import Checkpoint
from src.models.joint import JointModel
from src.models.loading import loading
from src.tasks import TASKS
from tests.models.conftest import ARCHITECTURES, DECLARED, Make

SPAN_LABELS = ["O", "B-IDIOM", "I-IDIOM"]
ALONE = list(TASKS)
JOINT = "+".join(TASKS)
ENCODERS = pytest.mark.parametrize("encoder", [*ARCHITECTURES, None], ids=lambda name: name or "tiny")


def batch(made: Checkpoint, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
    inputs = Collator(made.tokenizer, list(made.labels))(features(made, encode(made, examples)))
    del inputs["targets"]
    return inputs


@torch.inference_mode()
def logits(made: Checkpoint, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
    made.model.eval()
    return made.logits(batch(made, examples))


def without_inside(made: Checkpoint) -> Checkpoint:
    """Bars I- in the head, so that the likeliest tag of each word is legal and pipelines must agree with decoding."""
    bias = next(value for name, value in made.model.named_parameters() if name == "classifier.bias")
    with torch.no_grad():
        bias[SPAN_LABELS.index("I-IDIOM")] = -30.0
    return made


@ENCODERS
@pytest.mark.parametrize("task", [*ALONE, JOINT])
def test_what_is_loaded_gives_the_logits_of_what_was_saved(
    task: str, encoder: str | None, make: Make, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make(task, encoder)
    made.save(tmp_path)
    loaded = checkpoint.load(tmp_path)
    assert type(loaded.model) is type(made.model)
    assert {name: list(labels) for name, labels in loaded.labels.items()} == made.labels
    assert loaded.max_length == made.max_length == 128
    before, after = logits(made, splits["test"]), logits(loaded, splits["test"])
    assert before.keys() == after.keys() == made.labels.keys()
    for name, values in before.items():
        assert torch.equal(values, after[name])
        assert values.shape[0] == len(splits["test"])
        assert values.shape[-1] == len(made.labels[name])
    assert made.predict(splits["test"], 8) == loaded.predict(splits["test"], 8)


@ENCODERS
@pytest.mark.parametrize("task", ALONE)
def test_a_single_task_is_of_the_very_class_that_transformers_has_for_it(
    task: str, encoder: str | None, make: Make, tmp_path: Path
) -> None:
    made = make(task, encoder)
    made.save(tmp_path)
    plain = getattr(transformers, TASKS[task].auto_class).from_pretrained(tmp_path)
    assert type(plain) is type(made.model)
    assert type(plain).__module__.startswith("transformers.models.")
    assert plain.config.id2label == dict(enumerate(made.labels[task]))
    assert plain.config.label2id == {label: i for i, label in enumerate(made.labels[task])}


@ENCODERS
@pytest.mark.parametrize("task", [*ALONE, JOINT])
def test_a_saved_folder_holds_configuration_weights_and_tokenizer_and_nothing_else(
    task: str, encoder: str | None, make: Make, tmp_path: Path
) -> None:
    make(task, encoder).save(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= names
    assert names <= {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "vocab.txt", "vocab.json", "merges.txt",
    }  # fmt: skip


@pytest.mark.parametrize("task", [*ALONE, JOINT])
def test_saving_twice_gives_the_same_bytes(task: str, make: Make, tmp_path: Path) -> None:
    made = make(task)
    for name in ("one", "two"):
        made.save(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@ENCODERS
def test_the_text_classification_pipeline_says_what_predict_says(
    encoder: str | None, make: Make, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = make("cls", encoder)
    made.save(tmp_path)
    found = pipeline("text-classification", model=str(tmp_path))([example.text for example in splits["test"]])
    rows = made.predict(splits["test"], 8)
    assert [entry["label"] for entry in found] == [row.predicted for row in rows]
    expected = [row.probabilities[row.predicted] for row in rows]
    assert [entry["score"] for entry in found] == pytest.approx(expected, abs=1e-5)
    assert {entry["label"] for entry in found} <= set(DECLARED)


@ENCODERS
def test_the_token_classification_pipeline_says_what_predict_says(
    encoder: str | None, make: Make, splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    made = without_inside(make("span", encoder))
    made.save(tmp_path)
    tag = pipeline("token-classification", model=str(tmp_path), ignore_labels=[])
    for example, row in zip(splits["test"], made.predict(splits["test"], 8), strict=True):
        found = {entry["index"]: entry for entry in tag(example.text)}
        encoded = made.tokenizer([example.text])
        start = 0
        for word, tagged, probability in zip(row.tokens or [], row.predicted, row.probabilities, strict=True):
            start = example.text.index(word, start)
            entry = found[encoded.char_to_token(0, start)]
            assert (entry["entity"], entry["score"]) == (tagged, pytest.approx(probability, abs=1e-5))
            assert tagged in SPAN_LABELS
            start += len(word)


def test_pipelines_load_single_task_models_where_our_code_cannot_be_imported(make: Make, tmp_path: Path) -> None:
    make("cls").save(tmp_path / "cls")
    without_inside(make("span")).save(tmp_path / "span")
    code = """
import json, sys
from transformers import pipeline
cls = pipeline("text-classification", model="cls")("הוא ישב על הגדר")
span = pipeline("token-classification", model="span", ignore_labels=[])("הוא ישב על הגדר")
assert not any(name == "src" or name.startswith("src.") for name in sys.modules)
print(json.dumps([[entry["label"] for entry in cls], [entry["entity"] for entry in span]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    sentence, words = json.loads(done.stdout.splitlines()[-1])
    assert len(sentence) == 1
    assert set(sentence) <= set(DECLARED)
    assert len(words) >= 4
    assert set(words) <= set(SPAN_LABELS)


@ENCODERS
def test_the_heads_of_a_joint_model_share_one_encoder_and_do_not_touch_each_other(
    encoder: str | None, make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make(JOINT, encoder)
    assert type(made.model) is JointModel
    before = logits(made, splits["test"])
    with torch.no_grad():
        for parameter in made.model.heads["cls"].parameters():
            parameter.zero_()
    after = logits(made, splits["test"])
    assert not after["cls"].any()
    assert torch.equal(before["span"], after["span"])


@pytest.mark.parametrize("encoder", ARCHITECTURES)
def test_a_new_model_starts_from_the_weights_of_its_encoder(
    encoder: str, make: Make, local_models: dict[str, Path]
) -> None:
    source = transformers.AutoModel.from_pretrained(local_models[encoder])
    embeddings = source.get_input_embeddings().weight
    for task in (*ALONE, JOINT):
        assert torch.equal(make(task, encoder).model.get_input_embeddings().weight, embeddings)
    joint = make(JOINT, encoder).model.encoder.state_dict()
    for name, value in source.state_dict().items():
        if "pooler" not in name:  # no masked-language model has one
            assert torch.equal(joint[name], value), name


def test_weights_are_full_precision_even_if_the_encoder_was_saved_in_half(
    make: Make, local_models: dict[str, Path], tmp_path: Path
) -> None:
    half = transformers.AutoModel.from_pretrained(local_models["bert"]).half()
    half.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(local_models["bert"]).save_pretrained(tmp_path)
    for task in (*ALONE, JOINT):
        made = make(task, tmp_path)
        assert {parameter.dtype for parameter in made.model.parameters()} == {torch.float32}


def test_the_maximum_length_is_saved_with_the_tokenizer(make: Make, tmp_path: Path) -> None:
    make("cls", max_length=16).save(tmp_path)
    loaded = checkpoint.load(tmp_path)
    assert loaded.max_length == 16
    long = Example(id="1", text="בית " * 100, split="test")
    assert batch(loaded, [long])["input_ids"].shape == (1, 16)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_text_of_any_length_fits_the_longest_maximum_that_is_allowed(
    architecture: str, make: Make, splits: dict[str, list[Example]]
) -> None:
    """The encoders have 140 positions; RoBERTa's kind does not use the first ones."""
    long = replace(splits["test"][0], id="long", text="א ב ג ד " * 100, tokens=[], tags=[])
    allowed = []
    for max_length in range(136, 142):
        try:
            made = make("cls", architecture, max_length=max_length)
        except UserError as error:
            assert "train.max_length" in str(error)  # noqa: PT017
            assert str(max_length) in str(error)  # noqa: PT017
            continue
        allowed.append(max_length)
        assert len(made.predict([long], 1)) == 1
    assert allowed[0] == 136
    assert allowed[-1] == (138 if "roberta" in architecture else 140)


def test_a_maximum_length_beyond_the_positions_is_refused_with_both_numbers(make: Make) -> None:
    with pytest.raises(UserError, match=r"train\.max_length: 141.*140"):
        make("cls", "bert", max_length=141)


@pytest.fixture(scope="module")
def canine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder over characters, whose tokenizer is written in Python."""
    folder = tmp_path_factory.mktemp("canine")
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    CanineModel(CanineConfig(num_hash_buckets=256, max_position_embeddings=256, **sizes)).save_pretrained(folder)
    CanineTokenizer().save_pretrained(folder)
    return folder


def test_a_slow_tokenizer_is_refused_for_words(canine: Path, make: Make) -> None:
    with pytest.raises(UserError) as error:
        make(JOINT, canine)
    message = str(error.value)
    for word in ("span", "fast tokenizer", str(canine), "CanineTokenizer", "task: cls"):
        assert word in message
    with pytest.raises(UserError, match="'evidence' needs a fast tokenizer"):
        make("evidence", canine)


def test_a_tokenizer_that_does_not_begin_with_the_null_position_is_refused_for_evidence(
    make: Make, local_models: dict[str, Path], tmp_path: Path
) -> None:
    """As XLNet's, which ends with it."""
    shutil.copytree(local_models["bert"], tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(local_models["bert"])
    ends = [(name, tokenizer.convert_tokens_to_ids(name)) for name in ("[SEP]", "[CLS]")]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A [SEP] [CLS]", pair="$A [SEP] $B [SEP] [CLS]", special_tokens=ends
    )
    tokenizer.save_pretrained(tmp_path / "model")
    with pytest.raises(UserError, match=r"'evidence' needs inputs that begin with .*\[CLS\]"):
        make("evidence", tmp_path / "model")
    assert make("cls+span", tmp_path / "model").labels.keys() == {"cls", "span"}


def test_a_slow_tokenizer_will_do_for_sentences(canine: Path, make: Make, splits: dict[str, list[Example]]) -> None:
    assert len(make("cls", canine).predict(splits["test"][:3], 2)) == 3


@pytest.mark.parametrize("source", ["nobody/no-such-model", "bert-base-uncased"])
def test_without_network_and_copy_the_error_names_model_cache_and_offline_variables(source: str, make: Make) -> None:
    with pytest.raises(UserError) as error:
        make("cls", source)
    message = str(error.value)
    for word in (
        f"'{source}'", os.environ["HF_HOME"], "HF_HOME", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
        f"hf download {source}",
    ):  # fmt: skip
        assert word in message


def broken(what: str, source: Path, folder: Path) -> Path:
    """A copy of a model from which something is missing."""
    shutil.copytree(source, folder)
    match what:
        case "no weights":
            (folder / "model.safetensors").unlink()
        case "torn weights":
            (folder / "model.safetensors").write_bytes(b"torn")
        case "no tokenizer":
            (folder / "tokenizer.json").unlink()
        case "torn configuration":
            (folder / "config.json").write_text("{")
        case "no model type":
            (folder / "config.json").write_text("{}")
    return folder


BROKEN = ["no weights", "torn weights", "no tokenizer", "torn configuration", "no model type"]


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_folder_is_refused_by_its_name_and_not_looked_for_on_the_hub(
    what: str, make: Make, local_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = broken(what, local_models["bert"], tmp_path / "broken")
    with pytest.raises(UserError) as error:
        make("cls", folder)
    assert str(folder) in str(error.value)
    assert "hf download" not in str(error.value)
    assert ("contains no tokenizer" in str(error.value)) == (what == "no tokenizer")


@pytest.mark.parametrize("what", ["torn weights", "no weights"])
def test_a_trained_model_that_is_broken_is_refused_by_its_name(what: str, make: Make, tmp_path: Path) -> None:
    for task in ("cls", JOINT):
        make(task).save(tmp_path / task)
        folder = broken(what, tmp_path / task, tmp_path / f"{task}-broken")
        with pytest.raises(UserError) as error:
            checkpoint.load(folder)
        assert str(folder) in str(error.value)


def test_a_folder_with_code_of_its_own_is_refused_with_the_flag_that_allows_it(make: Make, tmp_path: Path) -> None:
    config = {"model_type": "custom", "auto_map": {"AutoConfig": "custom.Config", "AutoModel": "custom.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"train\.trust_remote_code: true, or give --trust-remote-code"):
        make("cls", tmp_path)


@pytest.mark.parametrize("task", [*ALONE, JOINT])
@pytest.mark.parametrize("problem", [None, "multi_label_classification"])
def test_a_model_fine_tuned_on_other_labels_can_be_started_from(
    task: str, problem: str | None, make: Make, local_models: dict[str, Path], splits: dict[str, list[Example]],
    tmp_path: Path,
) -> None:  # fmt: skip
    earlier = transformers.AutoModelForSequenceClassification.from_pretrained(
        local_models["bert"], id2label={i: f"mood {i}" for i in range(5)}, problem_type=problem
    )
    earlier.save_pretrained(tmp_path / "earlier")
    AutoTokenizer.from_pretrained(local_models["bert"]).save_pretrained(tmp_path / "earlier")
    made = make(task, tmp_path / "earlier")
    assert torch.equal(made.model.get_input_embeddings().weight, earlier.get_input_embeddings().weight)
    for name, values in logits(made, splits["test"]).items():
        assert values.shape[-1] == len(made.labels[name])
    made.save(tmp_path / "made")
    assert "mood" not in json.dumps(json.loads((tmp_path / "made" / "config.json").read_text()).get("id2label", {}))
    if task == "cls":
        (found,) = pipeline("text-classification", model=str(tmp_path / "made"))([splits["test"][0].text])
        (row,) = made.predict(splits["test"][:1], 1)
        assert (found["label"], found["score"]) == (row.predicted, pytest.approx(row.probabilities[row.predicted]))


def test_our_own_saved_model_can_be_started_from(make: Make, tmp_path: Path) -> None:
    first = make("span")
    first.save(tmp_path)
    second = make("cls", tmp_path)
    assert torch.equal(first.model.get_input_embeddings().weight, second.model.get_input_embeddings().weight)
    assert second.labels == {"cls": DECLARED}


@pytest.mark.parametrize("task", [*ALONE, JOINT])
def test_a_joint_model_cannot_be_started_from_and_the_error_names_it(task: str, make: Make, tmp_path: Path) -> None:
    make(JOINT).save(tmp_path)
    with pytest.raises(UserError) as error:
        make(task, tmp_path)
    for word in (str(tmp_path), "joint"):
        assert word in str(error.value)


def test_a_checkpoint_of_another_program_can_be_loaded_and_run(
    local_models: dict[str, Path], splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    """Its tokenizer declares no maximum length, as that of alephbertgimmel does not."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        local_models["roberta"], id2label={0: "no", 1: "yes"}
    )
    model.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(local_models["roberta"])
    assert tokenizer.model_max_length > 10**9
    tokenizer.save_pretrained(tmp_path)
    loaded = checkpoint.load(tmp_path)
    assert loaded.labels == {"cls": ["no", "yes"]}
    long = replace(splits["test"][0], text="א ב ג ד " * 100)
    rows = loaded.predict([*splits["test"], long], 4)
    assert {row.predicted for row in rows} <= {"no", "yes"}


def test_a_folder_without_a_model_is_refused_with_what_makes_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"dvc repro train.*dvc pull") as error:
            checkpoint.load(folder)
        assert str(folder) in str(error.value)


def test_a_model_of_no_task_is_refused_with_its_class_and_the_tasks(local_models: dict[str, Path]) -> None:
    with pytest.raises(UserError) as error:
        checkpoint.load(local_models["bert"])
    for word in (str(local_models["bert"]), "BertForMaskedLM", "cls, span"):
        assert word in str(error.value)


def test_a_configuration_that_names_no_class_is_refused_and_says_so(
    local_models: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(local_models["bert"], tmp_path / "bare")
    raw = json.loads((tmp_path / "bare" / "config.json").read_text())
    del raw["architectures"]
    (tmp_path / "bare" / "config.json").write_text(json.dumps(raw))
    with pytest.raises(UserError, match="architectures"):
        checkpoint.load(tmp_path / "bare")


@pytest.mark.parametrize("task", [*ALONE, JOINT])
def test_a_model_whose_tokenizer_is_gone_is_refused_and_gives_no_wrong_scores(
    task: str, make: Make, tmp_path: Path
) -> None:
    make(task).save(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with pytest.raises(UserError) as error:
        checkpoint.load(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_code_of_another_repository_is_refused() -> None:
    """transformers asks that repository for the commit of the model, which it does not have."""
    said = "{} is not a valid git identifier (branch name, tag name or commit id) that exists for this model name. "
    where = "Check the model page at 'https://huggingface.co/{}' for available revisions."
    for repository, expected in (("other/code", "code from another repository"), ("owner/model", "cannot be")):
        with pytest.raises(UserError, match=expected), loading("owner/model"):
            raise OSError(said.format("a" * 40) + where.format(repository))


@pytest.mark.parametrize("task", ["cls", "cls+span"])
def test_a_model_that_lacks_weights_is_refused(task: str, make: Make, tmp_path: Path) -> None:
    """transformers draws them at random, and the model says something else every time."""
    make(task).save(tmp_path)
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    lost = max(weights)
    del weights[lost]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(
        UserError, match=rf"lacks 1 of its weights, such as {re.escape(lost)}; check that the folder is complete"
    ):
        checkpoint.load(tmp_path)

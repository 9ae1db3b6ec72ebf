"""What predicts without having learnt: it agrees with the encoder asked by hand, and is never a random head.

pytest tests/training/test_zero_shot.py
"""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from src import tasks
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint
from src.models.encoders import Encoder
from src.models.interface import Model
from src.tasks.span.baselines import lexicon_canonical
from src.training import zero_shot
from tests.models.conftest import ARCHITECTURES, DECLARED, Make, TrainParamsWith

IDIOMS = ["ישב על הגדר", "שבר את הקרח"]
LABEL_WORDS = {
    "prompt": "המשמעות כאן היא {mask}.",
    "words": {"Literal": ["של", "על"], "Figurative": ["מעבר לגבעות"]},
    "descriptions": {"Literal": "המילים כפשוטן.", "Figurative": "ניב, ומשמעותו מושאלת."},
}
Create = Callable[..., Model]


@pytest.fixture
def create(local_models: dict[str, Path], splits: dict[str, list[Example]], train_params: TrainParamsWith) -> Create:
    """Makes what a mode without training predicts with: create("cls", "bert"); `None` is tiny."""

    def call(
        task: str, model: str | Path | None = "bert", *, idioms: Any = IDIOMS, label_words: Any = LABEL_WORDS,
        **changes: Any,
    ) -> Model:  # fmt: skip
        labels = tasks.label_sets(tasks.parse(task), splits["train"], DECLARED)
        encoder = Encoder(None if model is None else str(local_models.get(str(model), model)))
        params = train_params(mode="zero_shot", **changes)
        return zero_shot.create(
            encoder, labels, splits["train"], params, idioms=idioms, label_words=label_words
        )  # fmt: skip

    return call


@pytest.fixture
def without_head(local_models: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A folder with an encoder that was never asked to fill words in, or has lost the head for it."""

    def call(architecture: str) -> Path:
        folder = tmp_path / architecture
        AutoModel.from_pretrained(local_models[architecture]).save_pretrained(folder)
        AutoTokenizer.from_pretrained(local_models[architecture]).save_pretrained(folder)
        return folder

    return call


@torch.inference_mode()
def by_hand(folder: Path, text: str) -> list[float]:
    """The logits of the labels, with the masks written into the text, one text and one word at a time."""
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    before = LABEL_WORDS["prompt"].partition(" {mask}")[0]
    logits = []
    for label in DECLARED:
        probabilities = []
        for word in LABEL_WORDS["words"][label]:
            alone = tokenizer(before, add_special_tokens=False)["input_ids"]
            ids = tokenizer(f"{before} {word}", add_special_tokens=False)["input_ids"][len(alone) :]
            start = tokenizer(f"{text} {before}")["input_ids"][:-1]
            end = tokenizer(".", add_special_tokens=False)["input_ids"] + [tokenizer.sep_token_id]
            inputs = torch.tensor([[*start, *[tokenizer.mask_token_id] * len(ids), *end]])
            log_p = model(input_ids=inputs).logits[0].log_softmax(-1)
            found = [log_p[len(start) + i, subword].item() for i, subword in enumerate(ids)]
            probabilities.append(math.exp(sum(found) / len(found)))
        logits.append(math.log(sum(probabilities) / len(probabilities)))
    return logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_labels_are_as_likely_as_their_words_are_to_be_filled_in(
    architecture: str, create: Create, local_models: dict[str, Path], splits: dict[str, list[Example]]
) -> None:
    made = create("cls", architecture)
    examples = splits["test"][:5]
    for row, example in zip(made.predict(examples, 3), examples, strict=True):
        expected = torch.tensor(by_hand(local_models[architecture], example.text)).softmax(-1).tolist()
        assert list(row.probabilities.values()) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_a_head_for_words_texts_are_compared_with_descriptions(
    architecture: str, create: Create, without_head: Callable[[str], Path], splits: dict[str, list[Example]]
) -> None:
    folder = without_head(architecture)
    made = create("cls", folder)
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    @torch.inference_mode()
    def mean(text: str) -> torch.Tensor:
        return model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)

    described = torch.stack([mean(LABEL_WORDS["descriptions"][label]) for label in DECLARED])
    examples = splits["test"][:5]
    for row, example in zip(made.predict(examples, 3), examples, strict=True):
        expected = torch.cosine_similarity(mean(example.text)[None], described).softmax(-1).tolist()
        assert list(row.probabilities.values()) == pytest.approx(expected, abs=1e-5)


def test_a_discriminator_has_no_head_for_words_whatever_its_class(
    create: Create, local_models: dict[str, Path], tmp_path: Path
) -> None:
    """Loaded as a masked-language model, ELECTRA's discriminator gets a random one."""
    transformers.ElectraForPreTraining.from_pretrained(local_models["electra"]).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(local_models["electra"]).save_pretrained(tmp_path)
    assert not create("cls", tmp_path).model.config.words
    assert create("cls", "electra").model.config.words


@pytest.mark.parametrize("task", ["cls", "span"])
@pytest.mark.parametrize("with_head", [True, False])
def test_what_is_loaded_predicts_what_was_saved(
    with_head: bool, task: str, create: Create, without_head: Callable[[str], Path], tmp_path: Path,
    splits: dict[str, list[Example]],
) -> None:  # fmt: skip
    made = create(task, "roberta" if with_head else without_head("roberta"))
    made.save(tmp_path / "model")
    loaded = checkpoint.load(tmp_path / "model")
    assert loaded.labels == made.labels
    long = replace(splits["test"][0], id="long", text="א ב ג ד " * 100, tokens=["א", "ב", "ג", "ד"] * 100, tags=None)
    examples = [*splits["test"], long]
    assert loaded.predict(examples, 4) == made.predict(examples, 4)


@pytest.mark.parametrize("with_head", [True, False])
def test_the_precision_is_the_one_that_is_set(
    with_head: bool, create: Create, without_head: Callable[[str], Path], splits: dict[str, list[Example]]
) -> None:
    model = "bert" if with_head else without_head("bert")
    full, half = create("cls", model), create("cls", model, precision="bf16")
    assert (full.precision, half.precision) == ("fp32", "bf16")
    rows, others = full.predict(splits["test"], 8), half.predict(splits["test"], 8)
    for row, other in zip(rows, others, strict=True):
        assert row.probabilities != other.probabilities
        assert row.probabilities == pytest.approx(other.probabilities, abs=0.02)
    texts = {example.text for example in splits["test"]}
    for found in (rows, others):  # cosines are near to one another, and bf16 has few numbers there
        assert len({row.probabilities[DECLARED[0]] for row in found}) == len(texts)
        assert all(row.probabilities[DECLARED[0]] != row.probabilities[DECLARED[1]] for row in found)


def test_spans_are_the_canonical_idioms_of_the_corpus(
    create: Create, prepared: Path, splits: dict[str, list[Example]]
) -> None:
    idioms = json.loads((prepared / "idioms.json").read_text())
    made = create("span", None, idioms=idioms)
    rows = made.predict(splits["unseen"], 4)
    expected = lexicon_canonical(idioms, splits["train"], {"unseen": splits["unseen"]}, [])
    assert rows == expected["unseen"]
    assert tasks.TASKS["span"].score(rows)["span_f1"] > 0.9


def test_nothing_is_read_of_the_gold(create: Create, splits: dict[str, list[Example]]) -> None:
    for task in ("cls", "span"):
        made = create(task)
        blind = [replace(example, label=None, tags=None) for example in splits["test"]]
        for row, other in zip(made.predict(splits["test"], 4), made.predict(blind, 4), strict=True):
            assert (row.predicted, row.probabilities) == (other.predicted, other.probabilities)


@pytest.mark.parametrize(
    ("task", "model", "changes", "words"),
    [
        ("cls", None, {}, ["model: tiny", "random"]),
        ("cls", "bert", {"label_words": None}, ["corpus.yaml", "zero_shot"]),
        ("cls", "bert", {"label_words": LABEL_WORDS | {"words": {"Literal": ["של"], "Figurative": ["漢"]}}},
         ["'Figurative'", "'漢'", "corpus.yaml"]),
        ("cls", "bert", {"max_length": 12}, ["train.max_length: 12", "zero_shot.prompt"]),
        ("cls", "bert", {"precision": "fp16", "device": "cpu"}, ["train.precision: fp16", "GPU"]),
        ("span", None, {"idioms": []}, ["canonical_idioms", "corpus.yaml"]),
        ("evidence", "bert", {}, ["task: cls or task: span", "evidence"]),
        ("cls+span", "bert", {}, ["task: cls or task: span", "cls+span"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    task: str, model: str | None, changes: dict[str, Any], words: list[str], create: Create
) -> None:
    with pytest.raises(UserError) as error:
        create(task, model, **changes)
    assert all(word in str(error.value) for word in words), error.value


def test_weights_that_are_missing_are_refused(create: Create, local_models: dict[str, Path], tmp_path: Path) -> None:
    """Those of half an encoder, which transformers would make up."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(local_models["bert"], tmp_path / "half")
    weights = load_file(tmp_path / "half" / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1" not in name}
    save_file(kept, tmp_path / "half" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks pretrained weights, such as encoder\.layer\.1"):
        create("cls", tmp_path / "half")


@pytest.mark.parametrize("mode", ["full", "zero_shot"])
def test_code_of_a_model_is_that_of_the_commit_or_none(
    mode: str, make: Make, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    origins: list[dict[str, Any]] = []
    original = zero_shot.pretrained

    def heard(auto_class: Any, source: Any, origin: dict[str, Any], **options: Any) -> Any:
        origins.append(origin)
        return original(auto_class, source, {}, **options)

    for module in (checkpoint, zero_shot):
        monkeypatch.setattr(module, "pretrained", heard)
    allowed = {"trust_remote_code": True, "revision": "a" * 40}
    if mode == "full":
        make("cls", **allowed)
    else:
        create("cls", **allowed)
    assert origins == [allowed | {"code_revision": "a" * 40}] * 3

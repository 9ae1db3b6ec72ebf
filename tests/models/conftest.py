"""Tiny checkpoints of the architectures in the ENCODERS table, saved to folders as the hub has them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, set_seed

from src import tasks
from src.core import config
from src.core.config import TrainParams
from src.core.records import Example
from src.models import checkpoint, tiny
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from tests.conftest import ROOT

DECLARED = ["Literal", "Figurative"]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def _wordpiece(texts: list[str]) -> PreTrainedTokenizerFast:
    """BERT's kind, with segments."""
    trained = tiny.tokenizer([Example(id=str(i), text=text, split="train") for i, text in enumerate(texts)])
    trained.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    return trained


def _wordpiece_without_segments(texts: list[str]) -> PreTrainedTokenizerFast:
    trained = _wordpiece(texts)
    trained.model_input_names = ["input_ids", "attention_mask"]
    return trained


def _byte_level(texts: list[str]) -> PreTrainedTokenizerFast:
    """RoBERTa's kind: byte-level BPE, whose sub-words include the blank before them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()  # all bytes: nothing is unknown
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    return _roberta_like(tokenizer)


def _sentence_piece(texts: list[str]) -> PreTrainedTokenizerFast:
    """XLM-RoBERTa's kind: unigrams over text in which blanks are a letter."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=500, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    learnt = [(piece, score) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"]]
    others = sorted(learnt[len(special) :], key=lambda row: (-row[1], row[0]))  # the trainer orders ties by chance
    tokenizer.model = models.Unigram(learnt[: len(special)] + others, unk_id=special.index("<unk>"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _roberta_like(tokenizer)


def _roberta_like(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>",
        pad_token="<pad>", unk_token="<unk>", mask_token="<mask>", model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


ARCHITECTURES: dict[str, tuple[str, Callable[[list[str]], PreTrainedTokenizerFast]]] = {
    "bert": ("Bert", _wordpiece),
    "roberta": ("Roberta", _byte_level),
    "xlm-roberta": ("XLMRoberta", _sentence_piece),
    "electra": ("Electra", _wordpiece),
    "distilbert": ("DistilBert", _wordpiece_without_segments),
}


@pytest.fixture(scope="session")
def local_models(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, list[Example]]) -> dict[str, Path]:
    """{architecture: folder}, each with a masked-language model of random weights and its tokenizer."""
    texts = [example.text for example in splits["train"]]
    folders = {}
    for name, (prefix, make_tokenizer) in ARCHITECTURES.items():
        tokenizer = make_tokenizer(texts)
        if name == "distilbert":
            sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
        else:
            sizes = {**SIZES, **({"embedding_size": 32} if name == "electra" else {})}
        config = getattr(transformers, f"{prefix}Config")(
            vocab_size=len(tokenizer), max_position_embeddings=140, pad_token_id=tokenizer.pad_token_id, **sizes
        )
        set_seed(0)
        folders[name] = tmp_path_factory.mktemp(name)
        getattr(transformers, f"{prefix}ForMaskedLM")(config).save_pretrained(folders[name])
        tokenizer.save_pretrained(folders[name])
    return folders


Make = Callable[..., Checkpoint]


@pytest.fixture
def make(local_models: dict[str, Path], splits: dict[str, list[Example]]) -> Make:
    """Makes a checkpoint with new heads: make("cls"), make("cls+span", "roberta"), make("span", folder).

    The seed is set first; with `encoder=None` it is `tiny`. Further options are keys of `train`.
    """
    shipped = config.load(ROOT / "params.yaml").train

    def create(task: str, encoder: str | Path | None = "bert", *, seed: int = 0, **options: Any) -> Checkpoint:
        labels = tasks.label_sets(tasks.parse(task), splits["train"], DECLARED)
        source = None if encoder is None else str(local_models.get(str(encoder), encoder))
        set_seed(seed)
        return checkpoint.create(Encoder(source), labels, splits["train"], shipped.overridden(options, Path("options")))

    return create


TrainParamsWith = Callable[..., TrainParams]


@pytest.fixture
def train_params() -> TrainParamsWith:
    """The section `train` of the shipped params.yaml, for a short run, with changes: train_params(epochs=1)."""
    shipped = config.load(ROOT / "params.yaml").train

    def change(**changes: Any) -> TrainParams:
        short = {"epochs": 2, "batch_size": 8, "early_stopping_patience": None}
        return shipped.overridden({**short, **changes}, Path("changes"))

    return change

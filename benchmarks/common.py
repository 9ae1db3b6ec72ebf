"""What the benchmarks share: sentences of the idiom corpus, an encoder of BERT-base's size, the machine's load."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

from src import config
from src.config import TrainParams
from src.records import Example

if TYPE_CHECKING:
    from src.modeling.checkpoint import Checkpoint

ROOT = Path(__file__).parents[1]
IDIOMS = ROOT.parent / "shared" / "data" / "hebrew-idioms" / "train.csv"
SAMPLE = ROOT / "data" / "raw" / "sample" / "sentences.csv"
LABELS = {"cls": ["Literal", "Figurative"]}


def sentences() -> list[Example]:
    """The train sentences of the Hebrew idiom corpus where it lies beside the project, else the shipped sample."""
    with (IDIOMS if IDIOMS.is_file() else SAMPLE).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Example(id=row["id"], text=row["sentence"], label=row["label_str"], split="train") for row in rows]


def params(**changes: object) -> TrainParams:
    """The section `train` of params.yaml, with changes."""
    return config.load(ROOT / "params.yaml").train.overridden(dict(changes), Path("benchmark"))


def base_sized(rows: list[Example], chosen: TrainParams) -> Checkpoint:
    """BERT-base's size with random weights: 12 layers of width 768, 52,000 embeddings; says nothing of quality."""
    from transformers import AutoModelForSequenceClassification, BertConfig, set_seed  # here: growth must stay small,

    from src.modeling import hardware, tiny  # for a process that it starts counts its memory as its own at first
    from src.modeling.checkpoint import Checkpoint

    tokenizer = tiny.tokenizer(rows)
    tokenizer.model_max_length = 128
    shape = BertConfig(
        vocab_size=52_000, pad_token_id=tokenizer.pad_token_id, id2label=dict(enumerate(LABELS["cls"])),
        label2id={label: i for i, label in enumerate(LABELS["cls"])},
    )  # fmt: skip
    set_seed(0)
    model = AutoModelForSequenceClassification.from_config(shape)
    return Checkpoint(model, tokenizer, LABELS, 128, precision=hardware.precision(chosen, model))


def load() -> str:
    """What else the machine does, as it stands in a table."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"

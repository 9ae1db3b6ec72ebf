"""What the benchmarks share: sentences, an encoder of BERT-base's size, what a process takes, the machine's load."""

from __future__ import annotations

import csv
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import BertWordPieceTokenizer

from src.core import config
from src.core.config import TrainParams
from src.core.files import read_yaml
from src.core.records import Example

if TYPE_CHECKING:
    from src.models.checkpoint import Checkpoint

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
    """BERT-base's size with random weights; says nothing of quality."""
    from transformers import PreTrainedTokenizerFast  # here: growth must stay small, for a process that it starts

    from benchmarks import stock  # counts its memory as its own at first
    from src.models import hardware
    from src.models.checkpoint import Checkpoint

    learnt = BertWordPieceTokenizer(strip_accents=False, lowercase=False)
    learnt.train_from_iterator([row.text for row in rows], vocab_size=16_000, show_progress=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=learnt._tokenizer, model_max_length=128, pad_token="[PAD]", unk_token="[UNK]",
        cls_token="[CLS]", sep_token="[SEP]",
    )  # fmt: skip
    model = stock.base_sized(LABELS["cls"])
    return Checkpoint(model, tokenizer, LABELS, 128, precision=hardware.precision(chosen, model))


def stage_commands(root: Path) -> dict[str, list[str]]:
    """The command of each stage in the dvc.yaml of a project, in order."""
    corpus = read_yaml(root / "params.yaml")["prepare"]["corpus"]
    stages = read_yaml(root / "dvc.yaml")["stages"]
    return {name: stage["cmd"].replace("${prepare.corpus}", corpus).split() for name, stage in stages.items()}


def load() -> str:
    """What else the machine does, as it stands in a table."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def measure(command: list[str], folder: Path, **environment: str) -> tuple[float, float, float]:
    """Runs a command in a folder; returns seconds, seconds of one core, and the most memory in MiB.

    Raises:
        SystemExit: the command failed, with what it said.
    """
    with (folder / "messages").open("wb") as messages:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=messages, stderr=messages
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    if status:
        raise SystemExit((folder / "messages").read_text(encoding="utf-8"))
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10

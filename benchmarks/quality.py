"""What speed costs in quality: tiny on the idiom corpus, our way and the stock way, over seeds; test and unseen F1.

    python -m benchmarks.quality --data data/prepared --seeds 1 2 3 4 5 --epochs 8
    python -m benchmarks.quality --data data/prepared --seeds 1 2 3 4 5 --epochs 8 --ways ours --precision bf16

`data` is what prepare wrote of hebrew_idioms. The stock way: inputs padded to 128, no groups of equal length, fp32.
"""

import argparse
from pathlib import Path
from statistics import mean, stdev

import torch
from transformers import set_seed

from benchmarks import common, stock
from src import tasks
from src.core.config import TrainParams
from src.core.records import Example, read_examples
from src.models import checkpoint
from src.models.batches import encode
from src.models.checkpoint import Checkpoint
from src.models.encoders import ENCODERS
from src.training.fit import fit

SPLITS = ("test", "unseen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--precision", default="auto", help="of our way: auto (fp32 for tiny), fp32 or bf16")
    arguments = parser.parse_args()
    rows = {name: read_examples(arguments.data / f"{name}.jsonl") for name in ("train", "validation", *SPLITS)}
    params = common.params(epochs=arguments.epochs, precision=arguments.precision)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in arguments.ways}
    for seed in arguments.seeds:
        for way in arguments.ways:
            set_seed(seed)
            made = checkpoint.create(ENCODERS["tiny"], common.LABELS, rows["train"], params)
            WAYS[way](made, rows, params, seed)
            found[way].append({split: _f1(made, rows[split]) for split in SPLITS})
            print(f"seed {seed}, {way}: {found[way][-1]}", flush=True)
    print("| way | split | F1 of each seed | mean | standard deviation |\n|---|---|---|---|---|")
    for way, runs in found.items():
        for split in SPLITS:
            scores = [run[split] for run in runs]
            spread = f"{stdev(scores):.4f}" if len(scores) > 1 else ""
            every = " ".join(f"{score:.4f}" for score in scores)
            print(f"| {way} | {split} | {every} | {mean(scores):.4f} | {spread} |")


def _ours(made: Checkpoint, rows: dict[str, list[Example]], params: TrainParams, seed: int) -> None:
    data = [encode(made, rows[name]) for name in ("train", "validation")]
    fit(made, *data, params, learning_rate=ENCODERS["tiny"].learning_rate, seed=seed)


def _stock(made: Checkpoint, rows: dict[str, list[Example]], params: TrainParams, seed: int) -> None:
    train = rows["train"]
    labels = [common.LABELS["cls"].index(row.label or "") for row in train]
    table = stock.table([row.text for row in train], labels, made.tokenizer)
    trainer = stock.trainer(
        made.model, table, params.batch_size, num_train_epochs=params.epochs, seed=seed,
        learning_rate=ENCODERS["tiny"].learning_rate, weight_decay=params.weight_decay,
        warmup_steps=params.warmup_ratio,
    )  # fmt: skip
    trainer.train()


WAYS = {"ours": _ours, "stock": _stock}


@torch.no_grad()
def _f1(made: Checkpoint, rows: list[Example]) -> float:
    return tasks.TASKS["cls"].score(made.predict(rows, 64))["f1_macro"]


if __name__ == "__main__":
    main()

"""How fast `fit` and `predict` are beside the stock way, in turns, each after a warm-up.

    python -m benchmarks.speed --rounds 3 --sentences 640 --stock 64

The model is of BERT-base's size with random weights. Useful FLOP are 6 (predict: 2) x weights behind the embeddings x
sub-words that are no padding. The peak is that of a product of two matrices of 2048 x 768 and 768 x 3072. The stock way
runs in a process of its own, as its users run it, and once more in this process, with the setting of waiting threads.
Mode frozen is measured whole, states and 5 epochs of all sentences; the stock way has run some steps of it.
Ratios are of the best rounds; those of core seconds say more where other processes have the cores.
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks import common, stock
from benchmarks.stock import Cost, cost
from src.core.config import TrainParams
from src.core.records import Example
from src.models import hardware
from src.models.batches import encode
from src.models.checkpoint import Checkpoint
from src.training import modes
from src.training.fit import fit

EPOCHS = 5  # of mode frozen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="each way once per round; the best counts")
    parser.add_argument("--sentences", type=int, default=640, help="of our way")
    parser.add_argument("--stock", type=int, default=64, help="sentences of the stock way")
    parser.add_argument("--batch-size", type=int, default=16)
    arguments = parser.parse_args()

    everything = common.sentences()
    chosen = common.params(epochs=1, batch_size=arguments.batch_size, max_length=128)
    made = common.base_sized(everything, chosen)
    made.model.to(hardware.device())
    rows = everything[:: max(1, len(everything) // arguments.sentences)][: arguments.sentences]
    little = rows[:: max(1, len(rows) // arguments.stock)][: arguments.stock]
    sub_words = sum(len(row["input_ids"]) for windows in encode(made, rows).windows for row in [windows[0].inputs])
    flop = 2 * made.model.num_parameters(exclude_embeddings=True) * sub_words / len(rows)  # forward, per sentence

    print(
        f"{hardware.describe(hardware.device())['device']}, {torch.get_num_threads()} threads, {made.precision}, "
        f"{sub_words / len(rows):.1f} sub-words a sentence"
    )
    peaks = {name: _peak(hardware.DTYPES[name]) for name in (made.precision, "fp32")}
    print(f"peak: {', '.join(f'{name} {peak / 1e9:.0f} GFLOP/s' for name, peak in peaks.items())}; {common.load()}")
    _train(made, rows[: arguments.batch_size], chosen)  # warm-up
    found: dict[str, dict[str, list[Cost]]] = {name: {} for name in ("train", "predict", "frozen")}
    for _ in range(arguments.rounds):
        for frozen in (False, True):
            theirs = _stock(made, little, arguments.batch_size, frozen)
            found["frozen" if frozen else "train"].setdefault("stock", []).append(theirs["train"])
            if not frozen:
                found["predict"].setdefault("stock", []).append(theirs["predict"])
        texts, labels = _columns(little)
        same_process = stock.costs(texts, labels, made.tokenizer, arguments.batch_size, False)
        for name in ("train", "predict"):
            found[name].setdefault("stock, our process", []).append(same_process[name])
        found["train"].setdefault("ours", []).append(_train(made, rows, chosen))
        found["predict"].setdefault("ours", []).append(_predict(made, rows))
        found["frozen"].setdefault("ours", []).append(_frozen(made, everything, chosen))
    print(
        "| | sentences/s, every round | useful GFLOP/s | of the peak | ratio | ratio of core seconds |\n"
        "|---|---|---|---|---|---|"
    )
    for name, ways in found.items():
        for who, costs in ways.items():
            rates = [1 / seconds for seconds, _ in costs]
            useful = max(rates) * flop * (3 if name == "train" else 1)
            peak = peaks[made.precision if who == "ours" else "fp32"]
            ratios = [min(one[kind] for one in ways["stock"]) / min(one[kind] for one in costs) for kind in (0, 1)]
            work = ["", ""] if name == "frozen" else [f"{useful / 1e9:.0f}", f"{useful / peak:.1%}"]
            every = " ".join(f"{rate:.2f}" for rate in rates)
            cells = [f"{name}, {who}", every, *work, *(f"{ratio:.1f}" for ratio in ratios)]
            print(f"| {' | '.join(cells)} |")
    print(common.load())


def _train(made: Checkpoint, rows: list[Example], chosen: TrainParams) -> Cost:
    data = encode(made, rows), encode(made, rows[:2])
    return cost(lambda: fit(made, *data, chosen, learning_rate=2e-5, seed=0), len(rows))


def _predict(made: Checkpoint, rows: list[Example]) -> Cost:
    """As every tool does that loads a model and predicts with it."""
    loaded = copy.deepcopy(made)
    loaded.to(made.model.device.type)
    loaded.predict(rows[:64], 64)
    return cost(lambda: loaded.predict(rows, 64), len(rows))


def _frozen(made: Checkpoint, rows: list[Example], chosen: TrainParams) -> Cost:
    """Per sentence and epoch, the one pass of the encoder counted."""
    loaded = copy.deepcopy(made)
    params = chosen.overridden({"mode": "frozen", "epochs": EPOCHS}, Path("benchmark"))
    data = encode(loaded, rows), encode(loaded, rows[:2])

    def work() -> None:
        modes.begin(loaded, data, params)
        fit(loaded, *data, params, learning_rate=1e-3, seed=0)

    return cost(work, EPOCHS * len(rows))


def _stock(made: Checkpoint, rows: list[Example], batch_size: int, frozen: bool) -> dict[str, Cost]:
    texts, labels = _columns(rows)
    with tempfile.TemporaryDirectory() as folder:
        made.tokenizer.save_pretrained(folder)
        given = {"texts": texts, "labels": labels, "tokenizer": folder, "batch_size": batch_size, "frozen": frozen}
        command = [sys.executable, "-m", "benchmarks.stock"]
        ended = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


def _columns(rows: list[Example]) -> tuple[list[str], list[int]]:
    return [row.text for row in rows], [common.LABELS["cls"].index(row.label or "") for row in rows]


def _peak(dtype: torch.dtype) -> float:
    """The most FLOP/s of 20 measurements of 10 matrix products each."""
    one, other = (torch.randn(*shape, device=hardware.device()).to(dtype) for shape in ((2048, 768), (768, 3072)))

    def multiply() -> None:
        for _ in range(10):
            product = one @ other
        product.sum().item()

    return max(2 * 2048 * 768 * 3072 / cost(multiply, 10)[0] for _ in range(20))


if __name__ == "__main__":
    main()

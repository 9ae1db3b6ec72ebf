"""How fast `fit` and `predict` are beside the stock way, in one process, in turns, after a warm-up.

    python -m benchmarks.speed --rounds 3 --sentences 320 --stock 48

The model is of BERT-base's size with random weights. Useful FLOP are 6 (predict: 2) x weights behind the embeddings x
sub-words that are no padding. The peak is that of a product of two matrices of 2048 x 768 and 768 x 3072. Ratios are of
the best rounds; those of core seconds say more where other processes have the cores.
"""

import argparse
import time
from collections.abc import Callable

import torch

from benchmarks import common, stock
from src.modeling import hardware
from src.modeling.batches import encode
from src.modeling.fit import fit
from src.modeling.predict import predict

Cost = tuple[float, float]  # seconds, and seconds of one core, per sentence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="each way once per round; the best counts")
    parser.add_argument("--sentences", type=int, default=320, help="of our way")
    parser.add_argument(
        "--stock", type=int, default=48, help="sentences of the stock way, which needs seconds for each"
    )
    parser.add_argument("--batch-size", type=int, default=16)
    arguments = parser.parse_args()

    rows = common.sentences()
    chosen = common.params(epochs=1, batch_size=arguments.batch_size, max_length=128)
    made = common.base_sized(rows, chosen)
    rows = rows[:: max(1, len(rows) // arguments.sentences)][: arguments.sentences]
    made.model.to(hardware.device())
    sub_words = sum(len(row["input_ids"]) for windows in encode(made, rows).windows for row in [windows[0].inputs])
    flop = 2 * made.model.num_parameters(exclude_embeddings=True) * sub_words / len(rows)  # forward, per sentence
    little = rows[: arguments.stock]
    table = stock.table(
        [row.text for row in little], [common.LABELS["cls"].index(row.label) for row in little], made.tokenizer
    )
    validation = encode(made, rows[:2])

    def our_fit() -> Cost:
        return _cost(lambda: fit(made, encode(made, rows), validation, chosen, learning_rate=2e-5, seed=0), len(rows))

    def stock_fit() -> Cost:
        return _cost(stock.trainer(made.model, table, arguments.batch_size).train, len(little))

    def our_predict() -> Cost:
        return _cost(lambda: predict(made, rows, 64), len(rows))

    def stock_predict() -> Cost:
        trainer = stock.trainer(made.model, table, arguments.batch_size)
        return _cost(lambda: trainer.predict(table), len(little))

    ways = {
        "train": (our_fit, stock_fit, 3 * flop),
        "predict": (our_predict, stock_predict, flop),
    }
    print(
        f"{hardware.describe()['device']}, {torch.get_num_threads()} threads, {made.precision}, "
        f"{sub_words / len(rows):.1f} sub-words a sentence"
    )
    ours_peak, stock_peak = _peak(hardware.DTYPES[made.precision]), _peak(torch.float32)
    print(f"peak: {made.precision} {ours_peak / 1e9:.0f}, fp32 {stock_peak / 1e9:.0f} GFLOP/s; {common.load()}")
    print(
        "| | sentences/s, every round | useful GFLOP/s | of the peak | ratio | ratio of core seconds | load |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, (ours, theirs, work) in ways.items():
        found: dict[str, list[Cost]] = {"ours": [], "stock": []}
        for _ in range(arguments.rounds):
            found["stock"].append(theirs())
            found["ours"].append(ours())
        for who, costs in found.items():
            rates = [1 / seconds for seconds, _ in costs]
            useful = max(rates) * work
            ratios = [min(cost[kind] for cost in found["stock"]) / min(cost[kind] for cost in costs) for kind in (0, 1)]
            cells = [
                f"{name}, {who}", " ".join(f"{rate:.2f}" for rate in rates), f"{useful / 1e9:.0f}",
                f"{useful / (ours_peak if who == 'ours' else stock_peak):.1%}", *(f"{ratio:.1f}" for ratio in ratios),
            ]  # fmt: skip
            print(f"| {' | '.join(cells)} | {common.load()} |", flush=True)


def _cost(work: Callable[[], object], rows: int) -> Cost:
    started, busy = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - started) / rows, (time.process_time() - busy) / rows


def _peak(dtype: torch.dtype) -> float:
    """The most FLOP/s of 20 matrix products, each of 10."""
    one, other = (torch.randn(*shape, device=hardware.device()).to(dtype) for shape in ((2048, 768), (768, 3072)))
    best = 0.0
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(10):
            product = one @ other
        product.sum().item()
        best = max(best, 10 * 2 * 2048 * 768 * 3072 / (time.perf_counter() - started))
    return best


if __name__ == "__main__":
    main()

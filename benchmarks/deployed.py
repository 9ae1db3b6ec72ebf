"""Makes a model of BERT-base's size, with an adapter, for `python -m src bench`; says nothing of quality.

python -m benchmarks.deployed deployed
python -m src bench --model deployed/model --file deployed/texts.txt
"""

import argparse
from pathlib import Path

from transformers.utils import logging

from benchmarks import common
from src.core.files import write_lines
from src.models import checkpoint
from src.models.batches import encode
from src.models.encoders import Encoder
from src.training import modes
from src.training.fit import fit

ROWS = 64  # to learn from: an adapter that has learnt nothing changes nothing
TEXTS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, help="folder to write to")
    folder = parser.parse_args().out

    logging.disable_progress_bar()
    rows = common.sentences()
    lora = {"r": None, "alpha": None, "dropout": None, "target_modules": None, "keep_adapter": True}
    chosen = common.params(mode="lora", lora=lora, epochs=2)
    sized = common.base_sized(rows, chosen)
    sized.model.resize_token_embeddings(len(sized.tokenizer))  # a model with few of its sub-words is taken for damaged
    sized.save(folder / "base")
    base = Encoder(str((folder / "base").resolve()))
    made = checkpoint.create(base, common.LABELS, rows, chosen)
    data = encode(made, rows[:ROWS]), encode(made, rows[:2])
    begun = modes.begin(made, data, chosen)
    fit(made, *data, chosen, learning_rate=1e-3, seed=0)
    begun.before_saving(folder / "model")
    made.save(folder / "model")
    write_lines(folder / "texts.txt", [row.text for row in rows[:: len(rows) // TEXTS]])


if __name__ == "__main__":
    main()

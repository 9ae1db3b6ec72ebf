"""Saves the states of all layers of an encoder over validation examples, before or after training.

    python -m src represent --out full.safetensors                       # the model in models/current
    python -m src represent --model runs/lora --out lora.safetensors     # another folder
    python -m src represent --base --out base.safetensors                # the start of training
    python -m src represent --base dictabert --out base.safetensors      # instead of `model` of params.yaml

A base is the model that the stage train creates from params.yaml, with its seed, before the first step. A trained model
reads texts with the settings of its training. `python -m src drift` compares the files.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from src import tasks
from src.core import config
from src.core.command import heavy_imports, run
from src.core.command_line import command_parser
from src.core.config import Params
from src.core.files import read_json
from src.core.records import Example, read_examples
from src.core.user_errors import UserError
from src.models import encoders
from src.representations import states_file
from src.runs.paths import DATA, MODEL, PARAMS

if TYPE_CHECKING:
    from src.models.checkpoint import Checkpoint


def main() -> None:
    arguments = parser().parse_args()
    params = config.load(arguments.params)
    settings = params.train.represent
    count = settings.examples if arguments.examples is None else arguments.examples
    budget, key = (
        (settings.budget_mib, "train.represent.budget_mib")
        if arguments.budget is None
        else (arguments.budget, "--budget")
    )
    if count < 2:
        raise UserError(f"--examples is {count}; it must be 2 or more, because drift compares examples with each other")
    if budget <= 0:
        raise UserError(f"--budget is {budget:g}; it must be above 0")
    if arguments.batch_size < 1:
        raise UserError(f"--batch-size is {arguments.batch_size}; it must be 1 or more")
    validation = read_examples(arguments.data / "validation.jsonl")
    with heavy_imports():
        from transformers.utils import logging

        from src.models import hardware
        from src.models.checkpoint import load_checkpoint
        from src.representations.extraction import Extraction, choose
    examples = choose(validation, count)
    if len(examples) < 2:
        raise UserError(f"{arguments.data / 'validation.jsonl'} has {len(examples)} examples; 2 are needed")

    logging.disable_progress_bar()
    setup = hardware.prepare(params.train)
    if arguments.base is None:
        name, start = str(arguments.model), _start(arguments.model)
        model = load_checkpoint(arguments.model, trust_remote_code=arguments.trust_remote_code)
    else:
        name = arguments.base or params.model
        model = _base(name, params, arguments.data)
        start = encoders.start(name, params.task, params.seed, params.train.revision)
    extraction = Extraction(model, examples, name, arguments.encoder, start)
    extraction.check(budget, 1, key)
    model.model.to(setup.device).float()
    representations = extraction.run(arguments.batch_size)
    states_file.write(arguments.out, representations)
    samples, layers, width = representations.states.shape
    size = arguments.out.stat().st_size / 2**20
    print(f"wrote {arguments.out}: {samples} examples x {layers} layers x {width}, {size:.2f} MiB")


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src represent", __doc__, "predictions-to-paper")
    options.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    which = options.add_mutually_exclusive_group()
    which.add_argument("--model", type=Path, default=Path(MODEL), help="folder; default: models/current")
    which.add_argument("--base", nargs="?", const="", metavar="MODEL", help="an untrained model; default: `model`")
    options.add_argument("--encoder", metavar="TASK", help="task of a joint model with separate encoders; default: cls")
    options.add_argument("--examples", type=int, help="validation examples; default: train.represent.examples")
    options.add_argument("--budget", type=float, metavar="MIB", help="size limit; default: train.represent.budget_mib")
    options.add_argument("--batch-size", type=int, default=64, help="inputs per forward pass; default: 64")
    options.add_argument("--data", type=Path, default=Path(DATA), help="folder that prepare wrote")
    options.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="allow --model to run its own Python code; for --base: train.trust_remote_code",
    )
    options.add_argument("--params", type=Path, default=Path(PARAMS), help="file with the encoder of --base")
    return options


def _start(folder: Path) -> str | None:
    """The start of training, from the card of the model; None: the card does not have it."""
    from src.training import model_card

    parameters = model_card.parameters(folder)
    names = ("model", "task", "seed", "revision")
    return encoders.start(**{name: parameters[name] for name in names}) if set(names) <= parameters.keys() else None


def _base(name: str, params: Params, data: Path) -> Checkpoint:
    from transformers import set_seed

    from src.models import checkpoint

    train: Sequence[Example] = read_examples(data / "train.jsonl")
    labels = tasks.label_sets(tasks.parse(params.task), train, read_json(data / "labels.json"))
    encoder = encoders.find(name, params.train.trust_remote_code, params.train.revision)
    set_seed(params.seed)
    return checkpoint.create(encoder, labels, train, params.train)


if __name__ == "__main__":
    run(main)

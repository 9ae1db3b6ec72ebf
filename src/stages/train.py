"""Stage train: fine-tunes the chosen encoder on the chosen tasks; keeps the best epoch's weights.

    python -m src.stages.train --data data/prepared --best metrics/hpo/best.yaml \\
        --model models/current --environment models/environment.json --live metrics/train
"""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from dvclive import Live
from filelock import FileLock
from transformers import set_seed
from transformers.utils import logging

from src import config, tasks
from src.config import Params, TrainParams
from src.errors import run
from src.files import atomic_folder, read_json, read_yaml, write_json
from src.modeling import checkpoint, encoders, hardware
from src.modeling.batches import encode
from src.modeling.callbacks import LiveCallback
from src.modeling.fit import check, fit
from src.records import read_examples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--best", type=Path, required=True, help="YAML file with the overrides that hpo wrote")
    parser.add_argument("--model", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--environment", type=Path, required=True, help="JSON file to write versions and costs to")
    parser.add_argument("--live", type=Path, required=True, help="folder for DVCLive")
    arguments = parser.parse_args()

    params = config.load(arguments.params)
    chosen = params.train.overridden(read_yaml(arguments.best), arguments.best)
    train = read_examples(arguments.data / "train.jsonl")
    validation = read_examples(arguments.data / "validation.jsonl")
    labels = tasks.label_sets(tasks.parse(params.task), train, read_json(arguments.data / "labels.json"))
    encoder = encoders.find(params.model, chosen.trust_remote_code, chosen.revision)
    learning_rate = chosen.learning_rate or encoder.learning_rate

    logging.disable_progress_bar()  # of loading and saving; that of training stays
    set_seed(params.seed)
    model = checkpoint.create(encoder, labels, train, chosen)
    check(model, validation, chosen)
    state = _state_folder(params, chosen, arguments.data)
    lock = Path(tempfile.gettempdir()) / f"{state.name}.lock"
    with FileLock(lock):  # an equal run, of another experiment, waits until this one has done with the state
        with Live(str(arguments.live), save_dvc_exp=False, dvcyaml=None, monitor_system=False) as live:
            result = fit(
                model,
                encode(model, train),
                encode(model, validation),
                chosen,
                learning_rate=learning_rate,
                seed=params.seed,
                state_folder=state,
                callbacks=[LiveCallback(live)],
            )
            live.summary["best"] = {"primary": result.primary, "epoch": result.epoch}
        with atomic_folder(arguments.model) as folder:
            model.save(folder)
        environment = {
            **hardware.describe(),
            "precision": hardware.precision(chosen.precision),
            "learning_rate": learning_rate,
            "steps": result.steps,
            "seconds": result.seconds,
            "samples_per_second": result.samples_per_second,
            "peak_memory_mib": hardware.peak_memory_mib(),
        }
        write_json(arguments.environment, environment)
        shutil.rmtree(state, ignore_errors=True)


def _state_folder(params: Params, chosen: TrainParams, data: Path) -> Path:
    """Where an interrupted run finds its state: outside of DVC's outs, under a name that equal runs share."""
    what = [params.model, params.task, params.seed, chosen.model_dump()]
    files = [(data / name).read_bytes() for name in ("train.jsonl", "validation.jsonl", "labels.json")]
    key = hashlib.sha256(b"\0".join([json.dumps(what, sort_keys=True).encode(), *files])).hexdigest()[:16]
    return Path(os.environ.get("DVC_ROOT", ".")) / ".checkpoints" / key


if __name__ == "__main__":
    run(main)

"""Stage train: fine-tunes the chosen encoder on the chosen tasks in the chosen mode; keeps the best epoch's weights.

    python -m src.stages.train --data data/prepared --best metrics/hpo/best.yaml \\
        --model models/current --environment models/environment.json --live metrics/train
"""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from dvclive import Live
from filelock import FileLock
from huggingface_hub import ModelCard
from transformers.utils import logging

from src import config, tasks
from src.config import Params, TrainParams
from src.errors import run
from src.files import atomic_folder, read_json, read_yaml, write_json, write_lines
from src.modeling import card, checkpoint, encoders, hardware, modes, zero_shot
from src.modeling.batches import encode
from src.modeling.callbacks import LiveCallback
from src.modeling.checkpoint import Checkpoint
from src.modeling.fit import check, fit
from src.modeling.matcher import Matcher
from src.modeling.predict import predict, ready
from src.records import Example, read_examples
from src.tasks import validation_scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--best", type=Path, required=True, help="YAML file with the overrides that hpo wrote")
    parser.add_argument("--model", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--environment", type=Path, required=True, help="JSON file to write versions and costs to")
    parser.add_argument("--live", type=Path, required=True, help="folder for DVCLive")
    arguments = parser.parse_args()

    from transformers import set_seed  # loads torch, which src.modeling has set the process up for by now

    params = config.load(arguments.params)
    chosen = params.train.overridden(read_yaml(arguments.best), arguments.best)
    train = read_examples(arguments.data / "train.jsonl")
    validation = read_examples(arguments.data / "validation.jsonl")
    labels = tasks.label_sets(tasks.parse(params.task), train, read_json(arguments.data / "labels.json"))
    encoder = encoders.find(params.model, chosen.trust_remote_code, chosen.revision)
    learning_rate = modes.learning_rate(chosen, encoder)

    logging.disable_progress_bar()  # of loading and saving; that of training stays
    set_seed(params.seed)
    if chosen.mode == "zero_shot":
        known = {name: read_json(arguments.data / f"{name}.json") for name in ("idioms", "label_words")}
        _measure(zero_shot.create(encoder, labels, train, chosen, **known), validation, params, chosen, arguments)
        return
    model = checkpoint.create(encoder, labels, train, chosen)
    check(model, validation, chosen)
    encoded = encode(model, train), encode(model, validation)
    begun = modes.begin(model, encoded, chosen)
    state = _state_folder(params, chosen, arguments.data)
    lock = Path(tempfile.gettempdir()) / f"{state.name}.lock"
    with FileLock(lock):  # an equal run, of another experiment, waits until this one has done with the state
        with _live(arguments.live) as live:
            result = fit(
                model,
                *encoded,
                chosen,
                learning_rate=learning_rate,
                seed=params.seed,
                state_folder=state,
                callbacks=[LiveCallback(live)],
            )
            live.summary["best"] = {"primary": result.primary, "epoch": result.epoch}
        with atomic_folder(arguments.model) as folder:
            begun.before_saving(folder)
            model.save(folder)
            best = next(entry for entry in result.history if entry.get("eval_primary") == result.primary)
            scores = {name.removeprefix("eval_"): value for name, value in best.items()}
            trained = chosen.model_copy(update={"learning_rate": learning_rate, "precision": model.precision})
            _card(model, params, trained, arguments.data, scores, result.epoch).save(folder / card.FILE)
        environment = {
            **hardware.describe(),
            "precision": model.precision,
            "setup": asdict(hardware.choose(chosen)),
            "micro_batch_size": result.micro_batch_size,
            "gradient_accumulation_steps": result.gradient_accumulation_steps,
            "trainable_share": begun.trainable_share,
            "learning_rate": learning_rate,
            "steps": result.steps,
            "seconds": result.seconds,
            "samples_per_second": result.samples_per_second,
            "peak_memory_mib": hardware.peak_memory_mib(),
        }
        write_json(arguments.environment, environment)
        shutil.rmtree(state, ignore_errors=True)


def _live(folder: Path) -> Live:
    return Live(str(folder), save_dvc_exp=False, dvcyaml=None, monitor_system=False)


def _card(
    model: Checkpoint | Matcher,
    params: Params,
    trained: TrainParams,
    data: Path,
    scores: Mapping[str, float],
    epoch: float = 0.0,
) -> ModelCard:
    source = encoders.find(params.model, trained.trust_remote_code, trained.revision).source
    return card.create(
        model.labels,
        read_json(data / "corpus.json"),
        data,
        {**params.model_dump(include={"model", "task", "seed"}), **trained.model_dump()},
        scores,
        epoch=epoch,
        base_model=None if source is None or Path(source).is_dir() or isinstance(model, Matcher) else source,
        plain=isinstance(model, Checkpoint) and type(model.model) not in checkpoint.OURS.values(),
    )


def _measure(
    model: Checkpoint | Matcher,
    validation: Sequence[Example],
    params: Params,
    chosen: TrainParams,
    arguments: argparse.Namespace,
) -> None:
    """Saves a model that there is nothing to train of, and what it scores on validation."""
    check(model, validation, chosen)
    setup = hardware.choose(chosen)
    hardware.apply(setup)
    ready(model, setup.device)
    begin = time.perf_counter()
    rows = predict(model, validation, chosen.batch_size)
    seconds = time.perf_counter() - begin
    scores = validation_scores(model.tasks, rows)
    with _live(arguments.live) as live:
        for name, value in scores.items():
            live.log_metric(f"validation/{name}", value)
        live.summary["best"] = {"primary": scores["primary"], "epoch": 0.0}
    for curve in ("train", "validation"):  # dvc.yaml names them; nothing was learnt, and they have no points
        write_lines(arguments.live / "plots" / "metrics" / curve / "loss.tsv", ["step\tloss"])
    with atomic_folder(arguments.model) as folder:
        model.save(folder)
        _card(model, params, chosen, arguments.data, scores).save(folder / card.FILE)
    environment = {
        **hardware.describe(),
        "setup": asdict(setup),
        "trainable_share": 0.0,
        "steps": 0,
        "seconds": seconds,
        "samples_per_second": len(rows) / seconds,
        "peak_memory_mib": hardware.peak_memory_mib(),
    }
    write_json(arguments.environment, environment)


def _state_folder(params: Params, chosen: TrainParams, data: Path) -> Path:
    """Where an interrupted run finds its state: outside of DVC's outs, under a name that equal runs share."""
    what = [params.model, params.task, params.seed, chosen.model_dump()]
    files = [(data / name).read_bytes() for name in ("train.jsonl", "validation.jsonl", "labels.json")]
    key = hashlib.sha256(b"\0".join([json.dumps(what, sort_keys=True).encode(), *files])).hexdigest()[:16]
    return Path(os.environ.get("DVC_ROOT", ".")) / ".checkpoints" / key


if __name__ == "__main__":
    run(main)

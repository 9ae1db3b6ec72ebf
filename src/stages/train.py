"""Stage train: fine-tunes the chosen encoder on the chosen tasks in the chosen mode; keeps the best epoch's weights.

Says in health.json whether the run is to be trusted: src/modeling/health.py.

    python -m src.stages.train --data data/prepared --best metrics/hpo/best.yaml \\
        --model models/current --environment models/environment.json --live metrics/train \\
        --health metrics/health.json
"""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dvclive import Live
from filelock import FileLock
from transformers.utils import logging

from src import config, tasks
from src.analysis.majority import MAJORITY
from src.config import Params, TrainParams
from src.errors import UserError, run, unknown_name
from src.files import atomic_folder, read_json, read_yaml, write_json, write_lines
from src.modeling import checkpoint, encoders, hardware, health, modes, reload, zero_shot
from src.modeling.batches import encode
from src.modeling.callbacks import LiveCallback
from src.modeling.checkpoint import Checkpoint
from src.modeling.encoders import Encoder
from src.modeling.fit import check, fit
from src.modeling.health import Facts, History
from src.modeling.matcher import Matcher
from src.modeling.predict import predict, ready
from src.modeling.represent import Extraction, RepresentCallback, choose
from src.modeling.watch import CostCallback, HealthCallback
from src.records import Example, read_examples
from src.tasks import validation_scores

PROBE = 8  # validation rows on which the saved model is compared with the one in memory
COSTS = ("epoch", "samples_per_second", "peak_memory_mib")  # an entry of the history has all of them, one per epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--best", type=Path, required=True, help="YAML file with the overrides that hpo wrote")
    parser.add_argument("--model", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--environment", type=Path, required=True, help="JSON file to write versions and costs to")
    parser.add_argument("--live", type=Path, required=True, help="folder for DVCLive")
    parser.add_argument("--health", type=Path, required=True, help="JSON file to write the findings of each rule to")
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
        unlearnt = zero_shot.create(encoder, labels, train, chosen, **known)
        check(unlearnt, validation, chosen)
        facts = _facts(encoder, unlearnt, train, validation, chosen, arguments.data)
        _measure(unlearnt, validation, chosen, facts, arguments)
        return
    model = checkpoint.create(encoder, labels, train, chosen)
    check(model, validation, chosen)
    facts = _facts(encoder, model, train, validation, chosen, arguments.data)
    state = _state_folder(params, chosen, arguments.data)
    represent = _represent(model, validation, params.model, chosen, state, arguments.live)
    encoded = encode(model, train), encode(model, validation)
    begun = modes.begin(model, encoded, chosen)
    watch = HealthCallback(facts, chosen.health)
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
                callbacks=[LiveCallback(live), CostCallback(), watch, *represent],
            )
            live.summary["best"] = {"primary": result.primary, "epoch": result.epoch}
        with atomic_folder(arguments.model) as folder:
            begun.before_saving(folder)
            model.save(folder)
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
            "epochs": [{name: e[name] for name in COSTS} for e in result.history if set(COSTS) <= e.keys()],
        }
        write_json(arguments.environment, environment)
        _judge(model, validation, result.history, watch, chosen, arguments)
        shutil.rmtree(state, ignore_errors=True)  # not where a red flag fails the stage: it may yet be judged otherwise


def _live(folder: Path) -> Live:
    return Live(str(folder), save_dvc_exp=False, dvcyaml=None, monitor_system=False)


def _facts(
    encoder: Encoder,
    model: Checkpoint | Matcher,
    train: Sequence[Example],
    validation: Sequence[Example],
    chosen: TrainParams,
    data: Path,
) -> Facts:
    known: Mapping[str, Mapping[str, list[float]]] = read_json(data / "expected.json")
    expected: dict[str, list[float]] = {}
    majority: dict[str, float] = {}
    for task in model.tasks:
        rows = MAJORITY[task.name](train, {"validation": validation}, model.labels[task.name])["validation"]
        scores = task.score([row for row in rows if row.gold is not None])
        majority[task.primary_metric] = scores[task.primary_metric]
        for metric, found in known.get(task.name, {}).items():
            if metric not in scores:
                raise unknown_name(f"metric in expected.{task.name} of corpus.yaml:", metric, scores)
            expected[metric] = found
    return Facts(
        fine_tuned=encoder.source is not None and chosen.mode not in ("frozen", "zero_shot"),
        precision=model.precision if isinstance(model, Checkpoint) else "fp32",
        expected=expected,
        majority=majority,
    )


def _judge(
    model: Checkpoint | Matcher,
    validation: Sequence[Example],
    history: History,
    watch: HealthCallback,
    chosen: TrainParams,
    arguments: argparse.Namespace,
) -> None:
    """Writes what the health rules say of a run whose model has been saved.

    Raises:
        UserError: there is a red flag, and train.health.fail_on: red_flag.
    """
    facts = replace(
        watch.facts,
        memory=hardware.peak_memory_mib() / hardware.memory_mib(),
        reload=reload.difference(
            model, arguments.model, validation[:PROBE], trust_remote_code=chosen.trust_remote_code
        ),
    )
    judged = health.judge(history, facts, chosen.health)
    write_json(arguments.health, judged)
    watch.tell(judged)
    grades = {grade: _names(judged, grade) for grade in ("red_flag", "warning")}
    said = "; ".join(f"{grade}: {', '.join(names)}" for grade, names in grades.items() if names)
    print(f"health {said or judged['status']}; see {arguments.health}")
    if grades["red_flag"] and chosen.health.fail_on == "red_flag":
        raise UserError(
            f"train.health.fail_on: red_flag, and the run has {', '.join(grades['red_flag'])}: "
            f"see {arguments.health}; mend what is wrong, or set never, which takes the run as it is"
        )


def _names(judged: Mapping[str, Any], status: str) -> list[str]:
    return [name for name, found in judged["rules"].items() if found["status"] == status]


def _represent(
    model: Checkpoint, validation: Sequence[Example], name: str, chosen: TrainParams, state: Path, live: Path
) -> list[RepresentCallback]:
    params = chosen.represent
    if not params.steps:
        return []
    extraction = Extraction(model, choose(validation, params.examples), name)
    return [RepresentCallback(extraction, params, chosen.batch_size, state=state, out=live / "representations")]


def _measure(
    model: Checkpoint | Matcher,
    validation: Sequence[Example],
    chosen: TrainParams,
    facts: Facts,
    arguments: argparse.Namespace,
) -> None:
    """Saves a model that there is nothing to train of, and what it scores on validation."""
    setup = hardware.choose(chosen)
    hardware.apply(setup)
    ready(model, setup.device)
    begin = time.perf_counter()
    rows = predict(model, validation, chosen.batch_size)
    seconds = time.perf_counter() - begin
    with _live(arguments.live) as live:
        scores = validation_scores(model.tasks, rows)
        for name, value in scores.items():
            live.log_metric(f"validation/{name}", value)
        live.summary["best"] = {"primary": live.summary["validation"]["primary"], "epoch": 0.0}
    for curve in ("train", "validation"):  # dvc.yaml names them; nothing was learnt, and they have no points
        write_lines(arguments.live / "plots" / "metrics" / curve / "loss.tsv", ["step\tloss"])
    with atomic_folder(arguments.model) as folder:
        model.save(folder)
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
    history = [{f"eval_{name}": value for name, value in scores.items()}]
    _judge(model, validation, history, HealthCallback(facts, chosen.health), chosen, arguments)


def _state_folder(params: Params, chosen: TrainParams, data: Path) -> Path:
    """Where an interrupted run finds its state: outside of DVC's outs, under a name that equal runs share."""
    what = [params.model, params.task, params.seed, chosen.settings, chosen.represent.model_dump()]
    files = [(data / name).read_bytes() for name in ("train.jsonl", "validation.jsonl", "labels.json")]
    key = hashlib.sha256(b"\0".join([json.dumps(what, sort_keys=True).encode(), *files])).hexdigest()[:16]
    return Path(os.environ.get("DVC_ROOT", ".")) / ".checkpoints" / key


if __name__ == "__main__":
    run(main)

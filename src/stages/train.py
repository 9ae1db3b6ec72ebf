"""Stage train: fine-tunes the chosen encoder on the chosen tasks in the chosen mode; keeps the best epoch's weights.

Says in health.json whether the run is to be trusted: src/training/health_rules.py.

    python -m src.stages.train --data data/prepared --best metrics/hpo/best.yaml \\
        --model models/current --environment models/environment.json --live metrics/train \\
        --health metrics/health.json
"""

import argparse
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dvclive import Live
from filelock import FileLock, Timeout
from huggingface_hub import ModelCard
from transformers.utils import logging

from src import tasks
from src.analysis import majority
from src.core import best_file, config
from src.core.command import run
from src.core.config import Params, TrainParams
from src.core.files import atomic_folder, digest, read_json, write_json, write_lines
from src.core.records import Example, read_examples
from src.core.user_errors import UserError, unknown_name
from src.models import checkpoint, encoders, hardware
from src.models.batches import encode
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.models.inference import predict
from src.models.matcher import Matcher
from src.representations.extraction import representing
from src.tasks import validation_scores
from src.training import health_rules, model_card, modes, reload, zero_shot
from src.training.callbacks import LiveCallback
from src.training.fit import Fit, check, fit
from src.training.health_callback import CostCallback, HealthCallback
from src.training.health_rules import Facts, History
from src.training.trainer import DivergedError

SRC = Path(__file__).parents[1]
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

    from transformers import set_seed  # loads torch, which src.models has set the process up for by now

    params = config.load(arguments.params)
    chosen = params.train.overridden(best_file.read(arguments.best).overrides, arguments.best)
    train = read_examples(arguments.data / "train.jsonl")
    validation = read_examples(arguments.data / "validation.jsonl")
    labels = tasks.label_sets(tasks.parse(params.task), train, read_json(arguments.data / "labels.json"))
    encoder = encoders.find(params.model, chosen.trust_remote_code, chosen.revision)

    logging.disable_progress_bar()  # of loading and saving; that of training stays
    set_seed(params.seed)
    if chosen.mode == "zero_shot":
        known = {name: read_json(arguments.data / f"{name}.json") for name in ("idioms", "label_words")}
        model = zero_shot.create(encoder, labels, train, chosen, **known)
        check(model, validation, chosen)
        watch = HealthCallback(_facts(encoder, model, train, validation, chosen, arguments.data), chosen.health)
        _write(model, _measured(model, validation, chosen, arguments.live), watch, params, validation, arguments)
        return
    model = checkpoint.create(encoder, labels, train, chosen)
    check(model, validation, chosen)
    watch = HealthCallback(_facts(encoder, model, train, validation, chosen, arguments.data), chosen.health)
    root = Path(os.environ.get("DVC_ROOT", "."))
    state = root / ".checkpoints" / _key(encoder, model, params, chosen, arguments.data)
    with _alone(state):
        represent = representing(model, validation, params, chosen, state, arguments.live / "representations")
        encoded = encode(model, train), encode(model, validation)
        begun = modes.begin(model, encoded, chosen)
        learning_rate = modes.learning_rate(chosen, encoder)
        if chosen.trainer.get("report_to"):  # Trainer would have TensorBoard's files in the state, which is removed
            name = f"{Path(params.model).name}-{params.task}-{params.seed}-{state.name}"
            os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(root / "runs" / name))
        with _live(arguments.live) as live:
            try:
                result = fit(
                    model,
                    *encoded,
                    chosen,
                    learning_rate=learning_rate,
                    seed=params.seed,
                    state_folder=state,
                    callbacks=[LiveCallback(live), CostCallback(), watch, *represent],
                )
            except DivergedError as error:
                write_json(arguments.health, health_rules.judge(error.history, watch.facts, chosen.health))
                raise
            live.summary["best"] = {"primary": result.primary, "epoch": result.epoch}
        trained = chosen.model_copy(update={"learning_rate": learning_rate, "precision": model.precision})
        _write(model, _learnt(result, begun, trained), watch, params, validation, arguments)
        shutil.rmtree(state, ignore_errors=True)  # not where a red flag fails the stage: it may yet be judged otherwise


def _key(encoder: Encoder, model: Checkpoint, params: Params, chosen: TrainParams, data: Path) -> str:
    """Names the state of a training, which equal ones share.

    It is of all that a training learns by, code too: what went on from another's state would be half of each.
    """
    folders = ("core", "models", "tasks", "text", "training")
    code = ["stages/train.py", *(str(path.relative_to(SRC)) for name in folders for path in (SRC / name).rglob("*.py"))]
    device = hardware.device(chosen.device)
    machine = hardware.describe(device)
    learns_by = [
        params.model, params.task, params.seed, chosen.settings, chosen.represent.model_dump(), model.precision,
        device.type, *(machine[package] for package in ("torch", "transformers", "accelerate")),
    ]  # fmt: skip
    files = [data / name for name in ("train.jsonl", "validation.jsonl", "labels.json")]
    files += [SRC / name for name in sorted(code)]
    if encoder.source is not None and Path(encoder.source).is_dir():
        files += sorted(path for path in Path(encoder.source).iterdir() if path.is_file())
    return digest(learns_by, files)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Waits until no equal run, of another experiment, works with the state; says so."""
    path = state.with_name(f"{state.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("an equal run trains already; this one waits until that has ended", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: who waits sees that it is gone, and makes another
        lock.release()


@dataclass(frozen=True)
class _Run:
    """What is to be written of a run, beside its model.

    Attributes:
        trained: the section `train`, with what it left open chosen.
        costs: what environment.json says of the run, beside the machine.
    """

    trained: TrainParams
    history: History
    scores: Mapping[str, float]
    epoch: float
    costs: Mapping[str, Any]
    before_saving: modes.BeforeSaving = lambda folder: None


def _learnt(result: Fit, begun: modes.Begun, trained: TrainParams) -> _Run:
    costs = {
        "precision": trained.precision,
        "micro_batch_size": result.micro_batch_size,
        "gradient_accumulation_steps": result.gradient_accumulation_steps,
        "trainable_share": begun.trainable_share,
        "learning_rate": trained.learning_rate,
        "steps": result.steps,
        "seconds": result.seconds,
        "samples_per_second": result.samples_per_second,
        "epochs": [{name: e[name] for name in COSTS} for e in result.history if set(COSTS) <= e.keys()],
    }
    return _Run(trained, result.history, result.scores, result.epoch, costs, begun.before_saving)


def _measured(model: Checkpoint | Matcher, validation: Sequence[Example], chosen: TrainParams, folder: Path) -> _Run:
    """Predicts validation with a model that there is nothing to train of."""
    setup = hardware.prepare(chosen)
    if isinstance(model, Checkpoint):
        model.model.to(setup.device)  # and stays in fp32, as it will be saved
    begin = time.perf_counter()
    rows = predict(model, validation, chosen.batch_size)
    seconds = time.perf_counter() - begin
    scores = validation_scores(model.tasks, rows)
    with _live(folder) as live:
        for name, value in scores.items():
            live.log_metric(f"validation/{name}", value)
        live.summary["best"] = {"primary": scores["primary"], "epoch": 0.0}
    for curve in ("train", "validation"):  # dvc.yaml names them; nothing was learnt, and they have no points
        write_lines(folder / "plots" / "metrics" / curve / "loss.tsv", ["step\tloss"])
    precision = {"precision": model.precision} if isinstance(model, Checkpoint) else {}  # a list of idioms has none
    costs = {"trainable_share": 0.0, "steps": 0, "seconds": seconds, "samples_per_second": len(rows) / seconds}
    return _Run(chosen, [{f"eval_{name}": value for name, value in scores.items()}], scores, 0.0, precision | costs)


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
    baseline = majority.scores(model.tasks, train, validation, model.labels)
    expected: dict[str, list[float]] = {}
    for task, ranges in read_json(data / "corpus.json")["expected"].items():
        for metric, found in ranges.items() if task in baseline else ():
            if metric not in baseline[task]:
                raise unknown_name(f"metric in expected.{task} of corpus.yaml:", metric, baseline[task])
            expected[metric] = found
    return Facts(
        fine_tuned=encoder.source is not None and chosen.mode not in ("frozen", "zero_shot"),
        precision=model.precision if isinstance(model, Checkpoint) else "fp32",
        expected=expected,
        majority={task.primary_metric: baseline[task.name][task.primary_metric] for task in model.tasks},
    )


def _write(
    model: Checkpoint | Matcher,
    done: _Run,
    watch: HealthCallback,
    params: Params,
    validation: Sequence[Example],
    arguments: argparse.Namespace,
) -> None:
    """Saves the model with its card, what the run cost, and what the health rules say of it.

    Raises:
        UserError: there is a red flag, and train.health.fail_on: red_flag.
    """
    with atomic_folder(arguments.model) as folder:
        done.before_saving(folder)
        model.save(folder)
        _card(model, params, done, arguments.data).save(folder / model_card.FILE)
    device = hardware.device(done.trained.device)
    peak = hardware.peak_memory_mib(device)
    setup = asdict(hardware.choose(done.trained))
    machine = hardware.describe(device)
    write_json(arguments.environment, {**machine, "setup": setup, **done.costs, "peak_memory_mib": peak})

    facts = replace(
        watch.facts,
        memory=peak / hardware.memory_mib(device),
        reload=reload.difference(
            model, arguments.model, validation[:PROBE], trust_remote_code=done.trained.trust_remote_code
        ),
    )
    judged = health_rules.judge(done.history, facts, done.trained.health)
    write_json(arguments.health, judged)
    watch.tell(judged)
    red_flags, warnings = (
        [name for name, found in judged["rules"].items() if found["status"] == status]
        for status in ("red_flag", "warning")
    )
    said = [
        f"{status}: {', '.join(names)}" for status, names in (("red_flag", red_flags), ("warning", warnings)) if names
    ]
    print(f"health {'; '.join(said) or judged['status']}; see {arguments.health}")
    if red_flags and done.trained.health.fail_on == "red_flag":
        raise UserError(
            f"train.health.fail_on: red_flag, and the run has {', '.join(red_flags)}: see {arguments.health}; mend "
            "what is wrong, or set never, which takes the run as it is"
        )


def _card(model: Checkpoint | Matcher, params: Params, done: _Run, data: Path) -> ModelCard:
    source = encoders.find(params.model, done.trained.trust_remote_code, done.trained.revision).source
    return model_card.create(
        model.labels,
        read_json(data / "corpus.json"),
        data,
        {**params.model_dump(include={"model", "task", "seed"}), **done.trained.settings},
        done.scores,
        epoch=done.epoch,
        base_model=None if source is None or Path(source).is_dir() or isinstance(model, Matcher) else source,
        plain=isinstance(model, Checkpoint) and type(model.model) not in checkpoint.OURS.values(),
    )


if __name__ == "__main__":
    run(main)

"""Stage train: fine-tunes the encoder on the tasks in the mode of params.yaml, and keeps the weights of the best epoch.

health.json says whether the run is sound: src/training/health_rules.py.

    python -m src.stages.train --data data/prepared --best metrics/hpo/best.yaml \\
        --model models/current --environment models/environment.json --live metrics/train \\
        --health metrics/health.json
"""

import argparse
import os
import shutil
from pathlib import Path

from src import tasks
from src.core import best_file, config
from src.core.command import heavy_imports, run
from src.core.files import read_json, write_json
from src.core.records import read_examples
from src.models import encoders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--best", type=Path, required=True, help="YAML file with the overrides that hpo wrote")
    parser.add_argument("--model", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--environment", type=Path, required=True, help="JSON file to write versions and costs to")
    parser.add_argument("--live", type=Path, required=True, help="folder for DVCLive")
    parser.add_argument("--health", type=Path, required=True, help="JSON file to write the result of each rule to")
    arguments = parser.parse_args()

    params = config.load(arguments.params)
    train_params = params.train.overridden(best_file.read(arguments.best).overrides, arguments.best)
    train = read_examples(arguments.data / "train.jsonl")
    validation = read_examples(arguments.data / "validation.jsonl")
    labels = tasks.label_sets(tasks.parse(params.task), train, read_json(arguments.data / "labels.json"))
    encoder = encoders.find(params.model, train_params.trust_remote_code, train_params.revision)
    corpus = read_json(arguments.data / "corpus.json")

    with heavy_imports():
        from transformers import set_seed
        from transformers.utils import logging

        from src.models import checkpoint
        from src.models.batches import encode
        from src.representations.callback import representing
        from src.training import health_rules, modes, outcome, results, resume_state, zero_shot
        from src.training.callbacks import LiveCallback, open_live
        from src.training.fit import check, fit
        from src.training.health_callback import CostCallback, HealthCallback
        from src.training.health_facts import facts
        from src.training.trainer import DivergedError
    paths = results.ResultPaths(arguments.model, arguments.environment, arguments.health)

    logging.disable_progress_bar()  # of loading and saving; the bar of training stays
    set_seed(params.seed)
    if train_params.mode == "zero_shot":
        known = {name: read_json(arguments.data / f"{name}.json") for name in ("idioms", "label_words")}
        untrained = zero_shot.create(encoder, labels, train, train_params, **known)
        check(untrained, validation, train_params)
        watch = HealthCallback(facts(encoder, untrained, train, validation, train_params, corpus), train_params.health)
        measured = outcome.of_zero_shot(untrained, validation, train_params, arguments.live)
        results.write(untrained, measured, watch, params, validation, arguments.data, paths)
        return

    model = checkpoint.create(encoder, labels, train, train_params)
    check(model, validation, train_params)
    watch = HealthCallback(facts(encoder, model, train, validation, train_params, corpus), train_params.health)
    root = Path(os.environ.get("DVC_ROOT", "."))
    state = root / ".checkpoints" / resume_state.key(encoder, model, params, train_params, arguments.data)
    with resume_state.exclusive(state):
        represent = representing(model, validation, params, train_params, state, arguments.live / "representations")
        encoded = encode(model, train), encode(model, validation)
        begun = modes.begin(model, encoded, train_params)
        learning_rate = modes.learning_rate(train_params, encoder)
        if train_params.trainer.get("report_to"):  # Trainer's default folder is in the state, which is deleted
            name = f"{Path(params.model).name}-{params.task}-{params.seed}-{state.name}"
            os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(root / "runs" / name))
        with open_live(arguments.live) as live:
            try:
                fitted = fit(
                    model,
                    *encoded,
                    train_params,
                    learning_rate=learning_rate,
                    seed=params.seed,
                    state_folder=state,
                    callbacks=[LiveCallback(live), CostCallback(), watch, *represent],
                )
            except DivergedError as error:
                write_json(arguments.health, health_rules.judge(error.history, watch.facts, train_params.health))
                raise
            live.summary["best"] = {"primary": fitted.primary, "epoch": fitted.epoch}
        trained = train_params.model_copy(update={"learning_rate": learning_rate, "precision": model.precision})
        fit_outcome = outcome.of_fit(fitted, begun, trained)
        results.write(model, fit_outcome, watch, params, validation, arguments.data, paths)
        shutil.rmtree(state, ignore_errors=True)  # kept if a red flag fails the stage, which may run again


if __name__ == "__main__":
    run(main)

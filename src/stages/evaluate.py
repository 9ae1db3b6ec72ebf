"""Stage evaluate: predicts test (seen groups) and unseen with the trained model, and scores it and the baselines.

    python -m src.stages.evaluate --model models/current --data data/prepared \\
        --metrics metrics/evaluate.json --predictions metrics/predictions --plots metrics/plots
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src import tasks
from src.analysis import scores
from src.core import config
from src.core.command import heavy_imports, run
from src.core.files import atomic_folder, read_json, write_csv, write_json
from src.core.records import Prediction, read_examples
from src.core.user_errors import UserError
from src.tasks.prediction_file import write_predictions
from src.tasks.task import Task

SPLITS = ("test", "unseen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file to write scores to")
    parser.add_argument(
        "--predictions", type=Path, required=True, help="folder to write a JSON Lines file per split to"
    )
    parser.add_argument("--plots", type=Path, required=True, help="folder to write the data of plots to")
    arguments = parser.parse_args()

    all_params = config.load(arguments.params)
    params = all_params.evaluate
    with heavy_imports():
        from transformers.utils import logging

        from src.models import checkpoint, hardware
        from src.models.split_predictions import predict_splits
    logging.disable_progress_bar()  # of loading the model
    trained = checkpoint.load(arguments.model, trust_remote_code=all_params.train.trust_remote_code)
    setup = hardware.prepare(all_params.train)
    trained.to(setup.device)
    train = read_examples(arguments.data / "train.jsonl")
    examples = {split: read_examples(arguments.data / f"{split}.jsonl") for split in SPLITS}
    examples = {split: members for split, members in examples.items() if members}  # unseen may be empty
    _check_labels(trained.labels, tasks.label_sets(trained.tasks, train, read_json(arguments.data / "labels.json")))
    idioms = read_json(arguments.data / "idioms.json")
    rows = predict_splits(trained, examples, params.batch_size, rule=params.lexicon, idioms=idioms, train=train)

    results: dict[str, Any] = {"baselines": {}}
    results |= scores.evaluate_tasks([row for members in rows.values() for row in members], params.bootstrap_samples)
    for task in trained.tasks:
        results["baselines"][task.name] = {
            name: scores.evaluate(task, baseline(train, examples, trained.labels[task.name]), params.bootstrap_samples)
            for name, baseline in task.baselines(idioms).items()
        }

    with atomic_folder(arguments.predictions) as folder:
        for split, members in rows.items():
            write_predictions(folder / f"{split}.jsonl", members)
    with atomic_folder(arguments.plots) as folder:
        _write_plots(folder, trained.tasks, rows)
    write_json(arguments.metrics, results)
    print(summary(results, trained.tasks))


def _check_labels(model: Mapping[str, Sequence[str]], data: Mapping[str, Sequence[str]]) -> None:
    for name, labels in model.items():
        if set(labels) != set(data[name]):
            raise UserError(
                f"the model has the labels {', '.join(labels)} for task '{name}', the data have "
                f"{', '.join(data[name])}; train the model on these data: dvc repro"
            )


def _write_plots(folder: Path, tasks: Sequence[Task], rows: Mapping[str, Sequence[Prediction]]) -> None:
    for task in tasks:
        for split, members in rows.items():
            task_rows = [row for row in members if row.task == task.name]
            write_csv(
                folder / "confusion" / f"{task.name}_{split}.csv",
                ("actual", "predicted"),
                task.confusion(scores.with_gold(task_rows)),
            )
            groups = scores.by_group(task, task_rows).items()
            write_csv(folder / "groups" / f"{task.name}_{split}.csv", ("group", "score"), groups)


def summary(results: Mapping[str, Any], tasks: Sequence[Task]) -> str:
    """Returns a line per task and system: the primary metric on each split, and the gap between splits."""
    lines = []
    for task in tasks:
        for name, system in {"model": results[task.name], **results["baselines"][task.name]}.items():
            values = [f"{split} {system[split][task.primary_metric]:.3f}" for split in SPLITS if split in system]
            values = values or ["no row has a target"]
            gap = [f"gap {system['gap_absolute']:+.3f}"] if "gap_absolute" in system else []
            lines.append(f"{task.name} {task.primary_metric} {name}: {', '.join(values + gap)}")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)

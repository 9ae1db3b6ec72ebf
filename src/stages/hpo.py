"""Stage hpo: chooses the values that override parameters of `train`; it reads only train and validation.

    python -m src.stages.hpo --data data/prepared --tuned tuned.yaml --out metrics/hpo

Without a search it takes no time, and does not import torch.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from src import tasks
from src.core import best_file, config
from src.core.command import heavy_imports, run
from src.core.config import Params
from src.core.files import atomic_folder, read_json, read_yaml, write_json
from src.core.records import read_examples
from src.core.user_errors import UserError
from src.models import encoders
from src.search import trial_tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--tuned", type=Path, required=True, help="YAML file {model: {task: overrides}}")
    parser.add_argument("--out", type=Path, required=True, help="folder to write best.yaml and the trials to")
    arguments = parser.parse_args()

    params = config.load(arguments.params)
    encoder = encoders.find(params.model, params.train.trust_remote_code, params.train.revision)
    train = read_examples(arguments.data / "train.jsonl")
    task_list = tasks.parse(params.task)
    tasks.check_lexicon(task_list, params.evaluate.lexicon)
    labels = tasks.label_sets(task_list, train, read_json(arguments.data / "labels.json"))

    with atomic_folder(arguments.out) as folder:
        if params.hpo.mode == "search":
            overrides = _search(params, encoder, labels, arguments.data, folder)
        else:
            overrides = _tuned(params, arguments.tuned) if params.hpo.mode == "tuned" else {}
            params.train.overridden(overrides, arguments.tuned)
            best_file.write(folder / "best.yaml", params.hpo.mode, overrides)
            trial_tables.write(folder, [], params.hpo.space)
    print(f"hpo {params.hpo.mode}: {overrides or 'no overrides; train uses params.yaml'}")


def _search(
    params: Params, encoder: encoders.Encoder, labels: dict[str, list[str]], data: Path, out: Path
) -> dict[str, Any]:
    with heavy_imports():
        from src.search import objective, rounds, study

    files = [data / name for name in ("train.jsonl", "validation.jsonl", "labels.json")]
    studies = rounds.search(
        objective.Job(
            params=params,
            encoder=encoder,
            labels=labels,
            train=read_examples(files[0]),
            validation=read_examples(files[1]),
            files=files,
            folder=Path(os.environ.get("DVC_ROOT", ".")) / ".studies",
        )
    )
    saved, planned = trial_tables.saved_epochs(studies)
    print(f"pruning saved {saved} of {planned} epochs")
    winner, best = rounds.best(studies)
    trial_tables.write(out, studies, params.hpo.space)
    best_file.write(out / "best.yaml", params.hpo.mode, best.params, f"score {best.value}, study {winner.study_name}")
    summary = {
        "model": params.model,
        "task": params.task,
        "study": winner.study_name,
        "trial": best.number,
        "score": best.value,
        "finished_trials": len([trial for trial in study.finished(winner) if trial.state.name != "FAIL"]),
        "n_trials": params.hpo.n_trials,
        "epochs_planned": planned,
        "epochs_saved_by_pruning": saved,
    }
    write_json(out / "study.json", summary)
    return best.params


def _tuned(params: Params, path: Path) -> dict[str, Any]:
    promoted = read_yaml(path) or {}
    if not isinstance(promoted, dict):
        raise UserError(f"{path}: a mapping {{model: {{task: overrides}}}} is expected, not {promoted!r}")
    known = {
        (model, task): overrides
        for model, entries in promoted.items()
        if isinstance(entries, dict)
        for task, overrides in entries.items()
        if isinstance(overrides, dict)
    }
    if (params.model, params.task) not in known:
        raise UserError(
            f"hpo.mode: tuned, but {path} has no entry for model {params.model}, task {params.task}; it has: "
            f"{', '.join(' '.join(key) for key in known) or 'none'}. "
            f"Add it under {params.model}: {params.task}:, or set hpo.mode: fixed"
        )
    return known[params.model, params.task]


if __name__ == "__main__":
    run(main)

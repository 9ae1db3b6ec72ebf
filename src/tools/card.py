"""Makes a folder to upload to the hub: the trained model, and its card with the scores on test and unseen.

    python -m src card --out for-the-hub
    hf upload <owner>/<name> for-the-hub

The model of the workspace is not changed. The table and the metadata of the card also have the baselines.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.analysis.tables import MARKDOWN
from src.core.command import run
from src.core.command_line import command_parser, warn
from src.core.files import atomic_folder, read_json
from src.core.user_errors import UserError
from src.runs import experiments
from src.runs.paths import LOCK, METRICS, MODEL
from src.tasks import TASKS

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

SPLITS = ("test", "unseen")
HEADINGS = ("task", "metric", "system", *(heading for split in SPLITS for heading in (split, "95 %")))
WITH_DICTIONARY = (
    "The scores are of the spans of the model combined with the canonical idioms of the corpus (evaluate.lexicon: "
    "{}); the idioms are not in this folder.\n\n"
)


def main() -> None:
    arguments = parser().parse_args()
    if arguments.out.exists():
        raise UserError(f"--out {arguments.out} exists already; choose another folder, or delete it")
    from src.training import model_card  # takes seconds

    params = _checked()
    scores = read_json(Path(METRICS))
    text = "Scores on test (groups of the training data) and unseen (held-out groups), with trivial baselines:\n\n"
    if params["evaluate.lexicon"] != "none":
        text = WITH_DICTIONARY.format(params["evaluate.lexicon"]) + text
    table = MARKDOWN.table(HEADINGS, list(_lines(scores)))
    with atomic_folder(arguments.out) as folder:
        completed = model_card.completed(Path(MODEL), list(_results(scores, params["prepare.corpus"])), text + table)
        shutil.copytree(MODEL, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        completed.save(folder / model_card.FILE)
    print(arguments.out)


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src card", __doc__, "speed-and-deployment")
    options.add_argument("--out", type=Path, required=True, help="folder to create; it must not exist")
    return options


def _checked() -> Mapping[str, Any]:
    """Returns the parameters of the last run of the stages.

    Raises:
        UserError: the scores are not the scores of the model.
    """
    changes = experiments.changes()
    if changed := sorted({METRICS, MODEL} & changes.get("evaluate", set())):
        raise UserError(
            f"{METRICS} has scores of another model: {' and '.join(changed)} changed after evaluate; run dvc repro"
        )
    if changes:
        stages = ", ".join(sorted(changes))
        warn([f"the workspace has changed since training ({stages}); run dvc repro"])
    return experiments.locked_params(Path(LOCK))


def _systems(scores: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None, Mapping[str, Any]]]:
    """Yields task, metric, baseline (None: the model) and its scores."""
    for task, model_scores in scores.items():
        if task in TASKS:
            for name, system_scores in {None: model_scores, **scores["baselines"][task]}.items():
                yield task, TASKS[task].primary_metric, name, system_scores


def _lines(scores: Mapping[str, Any]) -> Iterator[list[str]]:
    for task, metric, baseline, system_scores in _systems(scores):
        cells = [task, metric, MARKDOWN.escape(f"baseline {baseline}") if baseline else "**this model**"]
        for split in SPLITS:
            if split in system_scores:
                low, high = system_scores[split][f"{metric}_interval"]
                cells += [f"{system_scores[split][metric]:.3f}", f"{low:.3f} to {high:.3f}"]
            else:
                cells += ["-", "-"]  # no groups were held out
        yield cells


def _results(scores: Mapping[str, Any], corpus: str) -> Iterator[EvalResult]:
    from src.training import model_card

    for task, metric, baseline, system_scores in _systems(scores):
        for split in (split for split in SPLITS if split in system_scores):
            low, high = system_scores[split][f"{metric}_interval"]
            system = f" of the baseline {baseline}, not of this model" if baseline else ""
            name = f"{metric}{system} (95 %: {low:.3f} to {high:.3f})"
            yield model_card.result(task, corpus, split, metric, system_scores[split][metric], name)


if __name__ == "__main__":
    run(main)

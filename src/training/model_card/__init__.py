"""The model card, README.md of a model's folder, in the format of the hub: description, training, loading.

Training writes it with the validation scores; `python -m src card` adds the scores on test and unseen. It contains no
facts about the machine or time, so equal runs write equal cards. This module does not import torch.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData, constants, metadata_load
from yaml import YAMLError  # type: ignore[import-untyped]  # metadata_load does not catch it

from src.core.user_errors import UserError
from src.tasks import TASKS

FILE = constants.REPOCARD_NAME
TEMPLATE = Path(__file__).with_name("card.md.j2")
UNTESTED = "Training does not read the test data. `python -m src card` writes the test scores here."


def create(
    labels: Mapping[str, Sequence[str]],
    corpus: Mapping[str, Any],
    data: Path,
    parameters: Mapping[str, Any],
    validation: Mapping[str, float],
    *,
    epoch: float = 0.0,
    base_model: str | None = None,
    plain: bool = True,
) -> ModelCard:
    """Creates the card of a model after training.

    Args:
        labels: {task: label set}.
        corpus: corpus.json of `data`.
        data: the folder that prepare wrote.
        parameters: model, task and seed, and the section `train` of the training.
        validation: {metric: score}, with the primary metric of each task.
        epoch: the epoch with the best score; 0: the model was not trained.
        base_model: hub id of the base model.
        plain: transformers can load the model without the classes of this project.
    """
    tasks = [TASKS[name] for name in labels]
    splits = {name: _file(data / f"{name}.jsonl") for name in ("train", "validation")}
    model = str(parameters["model"]).rstrip("/").rpartition("/")[2]
    card_data = ModelCardData(
        model_name=f"{model}-{parameters['task']}-{corpus['name']}",
        language=corpus["language"],
        base_model=base_model,
        library_name="transformers" if plain else None,
        pipeline_tag=tasks[0].pipeline if plain else None,
        tags=list(dict.fromkeys([*labels, parameters["mode"], corpus["name"]])),
        datasets=[corpus["hub"]] if corpus["revision"] else None,  # without a revision, `hub` is a folder
        eval_results=[
            result(task.name, corpus["name"], "validation", task.primary_metric, validation[task.primary_metric])
            for task in tasks
        ],
        corpus={"name": corpus["name"], **splits},
        parameters=dict(parameters),
    )
    return ModelCard.from_template(
        card_data,
        template_path=str(TEMPLATE),
        name=card_data.model_name,
        pipeline=card_data.pipeline_tag,
        tasks=tasks,
        labels=labels,
        corpus=corpus,
        data=splits,
        parameters=parameters,
        validation=validation,
        epoch=epoch,
        plain=plain,
        untested=UNTESTED,
    )


def _file(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"rows": content.count(b"\n"), "md5": hashlib.md5(content, usedforsecurity=False).hexdigest()}


def result(task: str, corpus: str, split: str, metric: str, value: float, name: str | None = None) -> EvalResult:
    """Creates an entry of the card's model-index; name: a description of the metric, instead of its name."""
    return EvalResult(
        task_type=TASKS[task].pipeline,
        task_name=task,
        dataset_type=corpus,
        dataset_name=corpus,
        dataset_split=split,
        metric_type=metric,
        metric_name=name or metric,
        metric_value=value,
    )


def completed(folder: Path, results: Sequence[EvalResult], text: str) -> ModelCard:
    """Returns the card of a model's folder with the test scores added.

    Raises:
        UserError: the folder has no card, or the card was changed after training.
    """
    path = folder / FILE
    card = ModelCard.load(path) if path.is_file() else None
    if card is None or UNTESTED not in card.text:
        raise UserError(f"{path} is not an unchanged card from training; train the model again: dvc repro train")
    card.text = card.text.replace(UNTESTED, text)
    card.data.eval_results = [*card.data.eval_results, *results]
    return card


def parameters(folder: Path) -> dict[str, Any]:
    """Returns the parameters in the card of a model's folder: model, task, seed and the section `train`.

    Returns {} if there is no card, or if the card is not from this project.
    """
    try:
        parameters = (metadata_load(folder / FILE) or {}).get("parameters")
    except (FileNotFoundError, ValueError, YAMLError):
        return {}
    return parameters if isinstance(parameters, dict) else {}

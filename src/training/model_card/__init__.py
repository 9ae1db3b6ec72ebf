"""The model card, README.md of a model's folder: what the model is, what made it, how it is loaded; in the hub's form.

Training writes it, and knows the scores on validation alone; `python -m src card` adds those on test and unseen.
Nothing in it tells of the machine or the clock: equal trainings write equal cards. Nothing here loads torch.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData, constants, metadata_load
from yaml import YAMLError  # type: ignore[import-untyped]  # which metadata_load lets through

from src.core.user_errors import UserError
from src.tasks import TASKS

FILE = constants.REPOCARD_NAME
TEMPLATE = Path(__file__).with_name("card.md.j2")
UNTESTED = "Training has not seen the test data; `python -m src card` puts the scores on them here."


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
    """Makes the card of a model that has just been trained.

    Args:
        labels: {task: its label set}.
        corpus: corpus.json of `data`.
        data: the folder that prepare wrote.
        parameters: model, task and seed, and the section `train` that it was trained with.
        validation: {metric: score}, the primary metric of each task among them.
        epoch: the one with the best score; 0: there was nothing to choose.
        base_model: its id on the hub.
        plain: transformers load the model; else it is of a class of ours.
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
        datasets=[corpus["hub"]] if corpus["revision"] else None,  # else its hub is a folder
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
    """Makes an entry of the card's model-index; name: what is to be told of the metric beside its value."""
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
    """Returns the card of a model's folder with the scores on test.

    Raises:
        UserError: the folder has no card, or one that is not as training wrote it.
    """
    path = folder / FILE
    card = ModelCard.load(path) if path.is_file() else None
    if card is None or UNTESTED not in card.text:
        raise UserError(f"{path} is no card that training wrote; train the model again: dvc repro train")
    card.text = card.text.replace(UNTESTED, text)
    card.data.eval_results = [*card.data.eval_results, *results]
    return card


def parameters(folder: Path) -> dict[str, Any]:
    """Returns the model, task and seed, and the section `train`, by which a folder's card says that it was trained.

    Empty where there is no card, or one of others.
    """
    try:
        found = (metadata_load(folder / FILE) or {}).get("parameters")
    except (FileNotFoundError, ValueError, YAMLError):
        return {}
    return found if isinstance(found, dict) else {}

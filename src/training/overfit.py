"""Sanity check: a correct model can overfit ten examples.

It tests whether encoder, heads, labels and loss fit together. It always trains all weights: in the modes `frozen` and
`lora` too few weights may be trainable to overfit, and `zero_shot` does not train.
"""

from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from transformers import set_seed
from transformers.utils import logging

from src import tasks
from src.core.check_result import CheckResult
from src.core.config import Params
from src.core.files import read_json
from src.core.records import Example, read_examples
from src.core.user_errors import UserError
from src.models import checkpoint, encoders
from src.models.batches import encode
from src.tasks.task import Task
from src.training import modes
from src.training.fit import fit

EXAMPLES = 10
STEPS = 100  # every step has a batch of all examples and is an epoch
LARGEST = 0.1  # largest loss after training, as a share of the loss of the first step

OVERFITTING: dict[str, Any] = {  # without regularization and without trainable-weight restrictions
    "mode": "full", "freeze_layers": 0, "batch_size": EXAMPLES, "epochs": STEPS, "gradient_accumulation_steps": 1,
    "weight_decay": 0.0, "label_smoothing": 0.0, "focal_gamma": None, "class_weights": None,
    "early_stopping_patience": None, "lora": dict.fromkeys(("r", "alpha", "dropout", "target_modules"))
    | {"keep_adapter": False},
}  # fmt: skip


def overfit(params: Params, data: Path) -> CheckResult:
    """Trains the model on ten examples; their loss must fall to at most LARGEST of the first loss.

    Raises:
        UserError: there are no prepared data, or the parameters do not fit them.
    """
    logging.disable_progress_bar()
    train_params = params.train.overridden(
        {**OVERFITTING, "trainer": {**params.train.trainer, "disable_tqdm": True}}, Path("params.yaml")
    )
    train = read_examples(data / "train.jsonl")
    labels = tasks.label_sets(tasks.parse(params.task), train, read_json(data / "labels.json"))
    encoder = encoders.find(params.model, train_params.trust_remote_code, train_params.revision)
    set_seed(params.seed)
    model = checkpoint.create(encoder, labels, train, train_params)
    encoded = encode(model, _select(train, model.tasks))
    learning_rate = modes.learning_rate(train_params, encoder)
    result = fit(model, encoded, encoded, train_params, learning_rate=learning_rate, seed=params.seed)
    first = next(entry["loss"] for entry in result.history if "loss" in entry)
    last = [entry["eval_loss"] for entry in result.history if "eval_loss" in entry][-1]
    count = len(encoded.examples)
    message = f"the loss of {count} examples changed from {first:.3f} to {last:.4f} in {result.steps} steps"
    figures = {"first_loss": first, "last_loss": last, "examples": count, "steps": result.steps}
    if last > LARGEST * first:
        message += f", but {LARGEST:.0%} of the first loss is the limit; check train.learning_rate and the targets"
        return CheckResult("red_flag", message, figures, {"share_of_loss": LARGEST})
    return CheckResult("ok", message, figures, {"share_of_loss": LARGEST})


def _select(train: list[Example], run_tasks: list[Task]) -> list[Example]:
    """Selects examples with targets for all tasks, in turn from each combination of label and presence of answers."""
    kinds: dict[object, list[Example]] = defaultdict(list)
    for example in train:
        if all(task.has_target(example) for task in run_tasks):
            kinds[example.label, bool(example.answers)].append(example)
    in_turn = chain.from_iterable(zip_longest(*kinds.values()))
    examples = [example for example in in_turn if example is not None][:EXAMPLES]
    if not examples:
        raise UserError(
            f"no example of train has targets for task: {'+'.join(task.name for task in run_tasks)}; add rows with "
            "targets to the corpus, or choose another task"
        )
    return examples

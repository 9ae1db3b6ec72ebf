"""The classic sanity run: a model that cannot learn ten examples by heart cannot learn anything.

It asks whether encoder, heads, labels and loss fit together, so it always trains all weights: the few that learn in the
modes `frozen` and `lora` need not suffice to learn by heart, and `zero_shot` learns nothing.
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
STEPS = 100  # of all examples at once, each an epoch
LARGEST = 0.1  # of the loss at the end, as a share of the loss of the first step

BY_HEART: dict[str, Any] = {  # what else keeps a model from it
    "mode": "full", "freeze_layers": 0, "batch_size": EXAMPLES, "epochs": STEPS, "gradient_accumulation_steps": 1,
    "weight_decay": 0.0, "label_smoothing": 0.0, "focal_gamma": None, "class_weights": None,
    "early_stopping_patience": None, "lora": dict.fromkeys(("r", "alpha", "dropout", "target_modules"))
    | {"keep_adapter": False},
}  # fmt: skip


def overfit(params: Params, data: Path) -> CheckResult:
    """Trains the model and task of the parameters on ten examples, whose loss must fall to almost nothing.

    Raises:
        UserError: no prepared data, or parameters that do not fit them.
    """
    logging.disable_progress_bar()
    chosen = params.train.overridden(
        {**BY_HEART, "trainer": {**params.train.trainer, "disable_tqdm": True}}, Path("params.yaml")
    )
    train = read_examples(data / "train.jsonl")
    labels = tasks.label_sets(tasks.parse(params.task), train, read_json(data / "labels.json"))
    encoder = encoders.find(params.model, chosen.trust_remote_code, chosen.revision)
    set_seed(params.seed)
    made = checkpoint.create(encoder, labels, train, chosen)
    few = encode(made, _few(train, made.tasks))
    result = fit(made, few, few, chosen, learning_rate=modes.learning_rate(chosen, encoder), seed=params.seed)
    first = next(entry["loss"] for entry in result.history if "loss" in entry)
    last = [entry["eval_loss"] for entry in result.history if "eval_loss" in entry][-1]
    count = len(few.examples)
    fell = f"the loss of {count} examples fell from {first:.3f} to {last:.4f} in {result.steps} steps"
    figures = {"first_loss": first, "last_loss": last, "examples": count, "steps": result.steps}
    if last > LARGEST * first:
        message = f"{fell}: not to almost nothing. Are train.learning_rate and the targets right?"
        return CheckResult("red_flag", message, figures, {"share_of_loss": LARGEST})
    return CheckResult("ok", fell, figures, {"share_of_loss": LARGEST})


def _few(train: list[Example], chosen: list[Task]) -> list[Example]:
    """Takes examples with targets for all tasks, of each label, with an answer and without, in turn."""
    kinds: dict[object, list[Example]] = defaultdict(list)
    for example in train:
        if all(task.has_target(example) for task in chosen):
            kinds[example.label, bool(example.answers)].append(example)
    few = [example for example in chain.from_iterable(zip_longest(*kinds.values())) if example is not None][:EXAMPLES]
    if not few:
        raise UserError(f"no example of train has targets for task: {'+'.join(task.name for task in chosen)}")
    return few

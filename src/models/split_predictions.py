"""Predicts the test splits with a model and, if `evaluate.lexicon` is set, the idiom lexicon.

The stage evaluate and the checks of a finished run both use it.
"""

from collections.abc import Mapping, Sequence

from src.core.records import Example, Prediction
from src.core.user_errors import UserError
from src.models.interface import Model
from src.tasks import check_lexicon
from src.tasks.task import Task
from src.text.lexicon import Lexicon


def predict_splits(
    model: Model,
    splits: Mapping[str, Sequence[Example]],
    batch_size: int,
    *,
    rule: str,
    idioms: Sequence[str],
    train: Sequence[Example],
) -> dict[str, list[Prediction]]:
    """Returns {split: predictions}.

    Args:
        rule: the value of evaluate.lexicon.
        idioms: the canonical idioms of the corpus.
        train: the train split, from which the lexicon takes the label of its matches.

    Raises:
        UserError: the tasks or the corpus do not support the rule.
    """
    check_lexicon(model.tasks, rule)
    if rule != "none" and not idioms:
        raise UserError(
            f"evaluate.lexicon: {rule} needs canonical idioms, but the corpus has none; set evaluate.lexicon: none, or "
            "add canonical_idioms to its corpus.yaml"
        )
    rows = {split: model.predict(examples, batch_size) for split, examples in splits.items()}
    for task in model.tasks:
        if task.lexicon and rule in task.lexicon.rules:
            lexicon, kind = Lexicon(idioms), task.lexicon.kind(train)
            for split, examples in splits.items():
                matched = {example.id: task.lexicon.predict(example, lexicon, kind) for example in examples}
                rows[split] = [_joined(task, rule, row, matched) for row in rows[split]]
    return rows


def _joined(task: Task, rule: str, row: Prediction, matched: Mapping[str, Prediction]) -> Prediction:
    if row.task != task.name or task.lexicon is None:
        return row
    return task.lexicon.rules[rule](row, matched[row.id])

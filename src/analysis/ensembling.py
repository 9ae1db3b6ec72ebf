"""Several predictions of the same rows become one: mean probabilities, or a vote."""

from collections.abc import Mapping, Sequence

from src.analysis.same_rows import align
from src.core.records import Prediction
from src.core.user_errors import UserError
from src.tasks import TASKS

METHODS = ("mean", "vote")


def ensemble(files: Mapping[str, Sequence[Prediction]], method: str | None = None) -> list[Prediction]:
    """Combines the predictions of each row, whatever the order of the files. A single file is returned as it is.

    Args:
        method: of labels; mean: the label of the highest mean probability; vote: that of most files. None: the mean
            if all rows of all files have probabilities. Tags and answers are always voted on.

    Raises:
        UserError: a file has other rows, or no probabilities to take the mean of.
    """
    aligned = align(files)
    if len(aligned) == 1:
        return next(iter(aligned.values()))
    lacking = [
        f"row {row.id} of {name}"
        for name, rows in aligned.items()
        for row in rows
        if not TASKS[row.task].can_average(row)
    ]
    if method == "mean" and lacking:
        raise UserError(f"{lacking[0]} has no probabilities; take --method vote")
    by_vote = method == "vote" or bool(lacking)
    return [TASKS[rows[0].task].vote(rows, by_vote) for rows in zip(*aligned.values(), strict=True)]

"""Combines several predictions of the same rows: by mean probability, or by vote."""

from collections.abc import Mapping, Sequence

from src.analysis.same_rows import align
from src.core.records import Prediction
from src.core.user_errors import UserError
from src.tasks import TASKS

METHODS = ("mean", "vote")


def ensemble(files: Mapping[str, Sequence[Prediction]], method: str | None = None) -> list[Prediction]:
    """Combines the predictions of each row. The order of the files does not matter. A single file is not changed.

    Args:
        method: how labels are combined. mean: the label with the highest mean probability; vote: the label that most
            files predict; None: mean if all rows of all files have probabilities, else vote. Tags and answers are
            always combined by vote.

    Raises:
        UserError: the files have different rows, or the method is mean and a row has no probabilities.
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
        raise UserError(f"{lacking[0]} has no probabilities, which the method mean needs; use --method vote")
    by_vote = method == "vote" or bool(lacking)
    return [TASKS[rows[0].task].vote(rows, by_vote) for rows in zip(*aligned.values(), strict=True)]

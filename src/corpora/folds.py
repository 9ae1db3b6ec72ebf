"""The test rows of one fold of a cross-validation: a share of the rows, or whole groups (leave-idioms-out).

The same split_seed always draws the same folds, and each row is in exactly one fold. scikit-learn, which draws them,
is imported late: without folds, prepare starts fast.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from src.core.config import PrepareParams
from src.core.user_errors import UserError
from src.corpora.rows import Entry


def tested_rows(units: Sequence[Sequence[Entry]], params: PrepareParams) -> set[str]:
    """Returns the ids in the fold: the same share of every group and Entry.kind, as far as whole units allow.

    Args:
        units: rows that stay together, in the order of their ids.

    Raises:
        UserError: there are more folds than rows of every group and label, or more folds than units.

    Source: scikit-learn, StratifiedKFold; StratifiedGroupKFold if a unit has several rows.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    rows = [row for unit in units for row in unit]
    strata = [str((row.group, row.kind)) for row in rows]
    _refuse_too_few(max(Counter(strata).values(), default=0), "rows of any group and label", params)
    if len(units) == len(rows):
        return {rows[i].id for i in _fold(StratifiedKFold, strata, None, params)}
    _refuse_too_few(len(units), "texts and groups that must stay whole", params)
    names = [str(number) for number, unit in enumerate(units) for _ in unit]
    return {rows[i].id for i in _fold(StratifiedGroupKFold, strata, names, params)}


def tested_groups(rows: Sequence[Entry], params: PrepareParams) -> list[str]:
    """Returns the groups in the fold, sorted; the shares of kinds equal those of all rows, as far as groups allow.

    Raises:
        UserError: a row has no group, or there are fewer groups, or fewer rows of each label, than folds.

    Source: scikit-learn, StratifiedGroupKFold.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    rows = sorted(rows, key=lambda row: row.id)
    groups = [row.group for row in rows if row.group is not None]
    if len(groups) < len(rows):
        place = next(row.place for row in rows if row.group is None)
        raise UserError(f"prepare.group_by: group needs a group in every row; {place}, has no group; set it to null")
    labels = [str(row.kind) for row in rows]
    _refuse_too_few(len(set(groups)), "groups that prepare.group_by: group can hold out", params)
    _refuse_too_few(max(Counter(labels).values()), "rows of any label", params)
    return sorted({groups[i] for i in _fold(StratifiedGroupKFold, labels, groups, params)})


def _refuse_too_few(count: int, items: str, params: PrepareParams) -> None:
    if params.folds is not None and count < params.folds:
        raise UserError(f"prepare.folds: {params.folds} is more than the {count} {items}; set fewer folds")


def _fold(splitter: Any, strata: Sequence[str], groups: Sequence[str] | None, params: PrepareParams) -> Sequence[int]:
    assert params.fold is not None  # config requires both fold and folds, or neither
    folds = splitter(params.folds, shuffle=True, random_state=params.split_seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # then some folds have no row of it
        return [test for _, test in folds.split(strata, strata, groups)][params.fold]

"""Tables with a row per task, against the table of tasks.

pytest tests/test_tables.py
"""

from collections.abc import Collection

import pytest

from src.analysis import baselines, ensemble, errors, majority
from src.modeling import card
from src.records import FIELDS
from src.tasks import TASKS
from src.tools import predict


@pytest.mark.parametrize(
    "table",
    [
        FIELDS, errors.CATEGORIES, errors.RIGHT, baselines.BASELINES, majority.MAJORITY, ensemble.VOTES, predict.SAY,
        card.PIPELINES,
    ],
    ids=["fields", "categories", "right", "baselines", "majority", "votes", "say", "pipelines"],
)  # fmt: skip
def test_every_task_has_its_row(table: Collection[str]) -> None:
    assert set(table) == set(TASKS)

"""Tables with a row per task, against the table of tasks.

pytest tests/test_tables.py
"""

from collections.abc import Collection

import pytest

from src.analysis import baselines, ensembling, error_categories, majority
from src.core.records import FIELDS
from src.tasks import TASKS
from src.tools import predict
from src.training import model_card


@pytest.mark.parametrize(
    "table",
    [
        FIELDS, error_categories.CATEGORIES, error_categories.RIGHT, baselines.BASELINES, majority.MAJORITY,
        ensembling.VOTES, predict.SAY, model_card.PIPELINES,
    ],
    ids=["fields", "categories", "right", "baselines", "majority", "votes", "say", "pipelines"],
)  # fmt: skip
def test_every_task_has_its_row(table: Collection[str]) -> None:
    assert set(table) == set(TASKS)

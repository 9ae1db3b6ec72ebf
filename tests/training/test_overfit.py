"""The sanity run: ten examples are learnt by heart, and a model that cannot is told.

pytest tests/training/test_overfit.py
"""

from pathlib import Path

import pytest
from transformers import BertConfig

from src.core import config
from src.core.user_errors import UserError
from src.models import tiny
from src.tasks import TASKS
from src.training.overfit import OVERFITTING, overfit
from tests.conftest import ParamsFile
from tests.runs.checks.conftest import SMALL, small_data

CHANGES = {"train.learning_rate": 5e-3, "train.mode": "lora", "train.lora.r": 4}  # modes are passed over


__all__ = ["small_data"]  # a fixture


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **SMALL))


def test_ten_examples_are_learnt_by_heart_by_all_tasks(small_data: Path, params_file: ParamsFile) -> None:
    found = overfit(config.load(params_file(CHANGES | {"task": "+".join(TASKS)})), small_data)
    assert found.status == "ok", found
    assert found.figures["examples"] == 10
    assert found.figures["last_loss"] < 0.1 * found.figures["first_loss"]


def test_a_model_that_learns_nothing_is_a_red_flag(
    small_data: Path, params_file: ParamsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OVERFITTING, "epochs", 5)
    found = overfit(config.load(params_file({"train.learning_rate": 1e-9})), small_data)
    assert found.status == "red_flag"
    assert "but 10% of the first loss is the limit; check train.learning_rate" in found.message


def test_without_prepared_data_there_is_one_line(tmp_path: Path, params_file: ParamsFile) -> None:
    with pytest.raises(UserError, match="run the stage that writes it"):
        overfit(config.load(params_file()), tmp_path)

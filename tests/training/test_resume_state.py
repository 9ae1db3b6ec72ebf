"""The key of a training's state: which code it covers. What resuming does is in tests/stages/test_train.py.

pytest tests/training/test_resume_state.py
"""

import pytest

from src.training import resume_state
from tests.conftest import ROOT
from tests.test_pipeline import closure

SRC = ROOT / "src"


def test_the_key_covers_all_code_that_training_imports() -> None:
    needed = set().union(*(closure(SRC / name) for name in ("training/fit.py", "training/modes.py")))
    assert needed <= set(resume_state.learning_code())


@pytest.mark.parametrize(
    "name",
    [
        "search",
        "deploy",
        "representations",
        "analysis",
        "runs",
        "tools",
        "training/model_card",
        "training/health_rules.py",
    ],
)
def test_the_key_does_not_cover_code_that_changes_nothing_of_what_is_learnt(name: str) -> None:
    assert not any(path.is_relative_to(SRC / name) for path in resume_state.learning_code())


def test_every_excluded_file_exists() -> None:
    assert all((SRC / name).is_file() for name in resume_state.WITHOUT_EFFECT)

"""best.yaml is never empty, and a file of another shape is refused.

pytest tests/core/test_best_file.py
"""

from pathlib import Path
from typing import Any

import pytest

from src.core import best_file
from src.core.user_errors import UserError


@pytest.mark.parametrize("overrides", [{}, {"learning_rate": 3e-05, "epochs": 5, "task_weights": {"span": 0.5}}])
def test_what_is_written_is_read_and_the_remark_is_kept(overrides: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    best_file.write(path, "search", overrides, "score 0.5, study a")
    assert path.read_text(encoding="utf-8").startswith("# score 0.5, study a\nmode: search\noverrides:")
    assert best_file.read(path) == best_file.Best(mode="search", overrides=overrides)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "epochs: 3",
        "mode: fixed",
        "overrides: {}",
        "{mode: fixed, overrides: }",
        "{mode: fixed, overrides: [epochs]}",
        "{mode: serch, overrides: {}}",
        "{mode: fixed, overrides: {}, epochs: 3}",
        "[mode, overrides]",
    ],
)
def test_a_file_of_another_shape_is_refused_with_what_is_legal_and_the_command(text: str, tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        best_file.read(path)
    message = str(error.value)
    assert message.startswith(f"{path} must have two keys, mode (fixed, tuned, search) and overrides ")
    assert message.endswith("; write it again with: dvc repro hpo")
    assert "\n" not in message

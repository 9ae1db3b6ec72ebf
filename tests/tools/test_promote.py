"""pytest tests/tools/test_promote.py"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from src.core import best_file
from src.core.command import run
from src.tools import promote
from tests.conftest import Ended, ParamsFile

BEST = {"learning_rate": 3e-05, "epochs": 5}
STUDY = {
    "model": "tiny",
    "task": "cls",
    "study": "tiny-cls-0123456789ab",
    "score": 0.9,
    "finished_trials": 15,
    "n_trials": 15,
}
TUNED = "# kept by hand\ndictabert:\n  cls: {learning_rate: 2e-5}  # from a paper\ntiny:\n  span:\n    epochs: 3\n"


@pytest.fixture
def promoted(
    params_file: ParamsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs the tool on a best.yaml and returns how it ended."""

    def call(overrides: Any = BEST, study: Any = STUDY, tuned: str | None = TUNED) -> Ended:
        best_file.write(tmp_path / "best.yaml", "search", overrides)
        if study:
            (tmp_path / "study.json").write_text(json.dumps(study))
        if tuned is not None:
            (tmp_path / "tuned.yaml").write_text(tuned)
        arguments = [
            f"--params={params_file()}",
            f"--search={tmp_path}",
            f"--tuned={tmp_path / 'tuned.yaml'}",
        ]
        monkeypatch.setattr(sys, "argv", ["promote", *arguments])
        try:
            run(promote.main)
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        return Ended(status, *capsys.readouterr())

    return call


def test_the_best_parameters_join_the_others_and_comments_stay(promoted: Any, tmp_path: Path) -> None:
    ended = promoted()
    text = (tmp_path / "tuned.yaml").read_text()
    assert YAML(typ="safe", pure=True).load(text) == {
        "dictabert": {"cls": {"learning_rate": 2e-5}},
        "tiny": {"span": {"epochs": 3}, "cls": {"learning_rate": 3e-05, "epochs": 5}},
    }
    assert "# kept by hand" in text
    assert "# from a paper" in text
    assert "+  cls:" in ended.out
    assert "+    learning_rate: 3e-05" in ended.out
    assert ended.status == 0


@pytest.mark.parametrize("before", [None, "", "# only a remark\n{}\n"])
def test_an_empty_or_missing_file_is_begun(before: str | None, promoted: Any, tmp_path: Path) -> None:
    promoted(tuned=before)
    found = YAML(typ="safe", pure=True).load(tmp_path / "tuned.yaml")
    assert found == {"tiny": {"cls": {"learning_rate": 3e-05, "epochs": 5}}}
    assert "only a remark" not in (before or "") or "# only a remark" in (tmp_path / "tuned.yaml").read_text()


def test_a_second_promotion_replaces_the_first(promoted: Any, tmp_path: Path) -> None:
    promoted()
    assert "nothing changed" in promoted(tuned=None).out
    promoted({"epochs": 1}, tuned=None)
    assert YAML(typ="safe", pure=True).load(tmp_path / "tuned.yaml")["tiny"]["cls"] == {"epochs": 1}


@pytest.mark.parametrize(
    ("overrides", "study", "message"),
    [
        (BEST, {**STUDY, "finished_trials": 14}, "has 14 finished trials of hpo.n_trials: 15"),
        ({}, None, "does not have a search"),
        ({"epoch": 5}, STUDY, "unknown key 'epoch', did you mean 'epochs'?"),
    ],
)
def test_what_must_not_be_promoted_is_refused_and_nothing_is_written(
    overrides: Any, study: Any, message: str, promoted: Any, tmp_path: Path
) -> None:
    ended = promoted(overrides, study)
    assert ended.status == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert (tmp_path / "tuned.yaml").read_text() == TUNED

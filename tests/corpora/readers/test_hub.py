"""Reader `hub`, on a folder in the hub's layout; nothing is loaded from the network.

pytest tests/corpora/readers/test_hub.py
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.corpora.conftest import refusal_of, rows_of

ROWS = [
    {"premise": "It rains.", "claim": "It is wet.", "label": 0},
    {"premise": "It is hot.", "claim": "It snows.", "label": 1},
]
FEATURES = """---
dataset_info:
  features:
  - {name: premise, dtype: string}
  - {name: claim, dtype: string}
  - name: label
    dtype: {class_label: {names: {'0': entailment, '1': contradiction}}}
configs:
- config_name: default
  data_files: [{split: train, path: train.jsonl}, {split: validation, path: dev.jsonl}]
---
"""


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """A data set of two splits, whose labels are numbers with names; validation has an unlabelled row."""
    folder = tmp_path / "data_set"
    folder.mkdir()
    (folder / "README.md").write_text(FEATURES)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "dev.jsonl").write_text(json.dumps({**ROWS[0], "premise": "It pours.", "label": -1}) + "\n")
    return folder


@pytest.fixture
def hub(table: Callable[..., Path], data_set: Path) -> Callable[..., Path]:
    """A corpus folder that names the data set."""

    def write(**meta: Any) -> Path:
        usual = {
            "reader": "hub", "hub": str(data_set), "files": ["train"], "labels": ["entailment", "contradiction"],
            "columns": {"text": "premise", "text_pair": "claim", "label": "label"}, "splits": {"validation": "test"},
        }  # fmt: skip
        return table({}, **{**usual, **meta})

    return write


def test_splits_are_files_and_labels_go_by_their_names(hub: Callable[..., Path], data_set: Path) -> None:
    rows = rows_of(hub(files=["train", "validation"], drop=["-1"]))
    found = [(row.example.text, row.example.text_pair, row.example.label, row.example.split) for row in rows]
    assert found == [
        ("It rains.", "It is wet.", "entailment", ""), ("It is hot.", "It snows.", "contradiction", ""),
        ("It pours.", "It is wet.", "-1", "test"),
    ]  # fmt: skip
    assert [row.example.id for row in rows] == ["train-1", "train-2", "validation-1"]
    assert rows[0].place == f"{data_set}/train, row 1"


@pytest.mark.parametrize(
    ("meta", "fragments"),
    [
        ({"files": ["validation"]}, ["validation, row 1, column 'label': unknown label", "'-1'"]),
        ({"files": ["test"]}, ["split 'test', cannot be loaded: ", "train"]),
        ({"columns": {"text": "sentence"}}, ["no column 'sentence'; the columns are premise, claim, label"]),
        ({"config": "french"}, ["french", "cannot be loaded"]),
        ({"hub": "nobody/nothing-at-all"}, ["'nobody/nothing-at-all' of corpus.yaml needs a revision"]),
        (
            {"hub": "nobody/nothing-at-all", "revision": "1a2b3c"},
            ["'nobody/nothing-at-all 1a2b3c'", "cannot be loaded", "HF_HUB_OFFLINE"],
        ),
    ],
    ids=str,
)
def test_what_is_not_there_is_one_clear_error(
    hub: Callable[..., Path], meta: dict[str, Any], fragments: list[str]
) -> None:
    message = refusal_of(hub(**meta))
    for fragment in fragments:
        assert fragment in message

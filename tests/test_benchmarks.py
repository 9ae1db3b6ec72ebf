"""The benchmarks measure what they say; how fast anything is, is no test.

pytest tests/test_benchmarks.py
"""

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import common, growth, settings, startup, stock
from src.core.files import read_yaml
from src.core.records import Example
from src.models import tiny


def test_the_stock_way_pads_to_128(splits: dict[str, list[Example]]) -> None:
    train = splits["train"][:20]
    rows = stock.table([row.text for row in train], [0] * 20, tiny.tokenizer(train))
    assert {len(row["input_ids"]) for row in rows} == {128}


def test_without_the_idiom_corpus_the_sample_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(common, "IDIOMS", tmp_path / "nowhere.csv")
    found = common.sentences()
    assert len(found) == 640
    assert {row.label for row in found} == set(common.LABELS["cls"])


def test_a_repeated_corpus_has_rows_of_equal_lengths_and_no_text_twice(tmp_path: Path) -> None:
    assert growth._corpus(tmp_path, 2) == 1280
    with (tmp_path / "corpus" / "sentences.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["sentence"] for row in csv.DictReader(file)]
    assert len(set(texts)) == 2 * len(set(texts[:640]))
    assert [len(text) for text in texts[:640]] == [len(text) for text in texts[640:]]


def test_a_revision_is_prepared_for_one_epoch_and_its_own_train_stage_is_measured(tmp_path: Path) -> None:
    inside = subprocess.run(["git", "rev-parse", "HEAD"], cwd=common.ROOT, capture_output=True)
    if inside.returncode:
        pytest.skip("the project lies in no Git repository, so there is no revision to unpack")
    folder, command = startup._prepared("HEAD", tmp_path / "head")
    assert command[:3] == [sys.executable, "-m", "src.stages.train"]
    assert read_yaml(folder / "params.yaml")["train"]["epochs"] == 1
    assert (folder / "data" / "prepared" / "train.jsonl").is_file()
    assert (folder / "metrics" / "hpo" / "best.yaml").is_file()


def test_a_command_that_fails_ends_the_measurement_with_what_it_said(tmp_path: Path) -> None:
    seconds, busy, mib = common.measure([sys.executable, "-c", "print(1)"], tmp_path)
    assert seconds > 0
    assert busy > 0
    assert mib > 1
    with pytest.raises(SystemExit, match="no such thing"):
        common.measure([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)


@pytest.mark.parametrize(
    ("setting", "is_on"),
    [
        ("gc", "import gc; gc.freeze(); print(gc.get_freeze_count() > 0)"),
        (
            "omp",
            "import os; from src.core.command import heavy_imports\n"
            "with heavy_imports(): print('OMP_WAIT_POLICY' in os.environ)",
        ),
        (
            "dropout",
            "from torch import nn; from src.training import dropout\n"
            "model = nn.Sequential(nn.Linear(1, 1), nn.Dropout())\n"
            "with dropout.quick(model): print(type(model[1]) is not nn.Dropout)",
        ),
    ],
)
def test_a_setting_can_be_switched_off(setting: str, is_on: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    shown = [
        subprocess.run(
            [sys.executable, "-c", f"{off}\n{is_on}"], cwd=common.ROOT, env=environment, capture_output=True, text=True
        ).stdout
        for off in ("", settings.OFF[setting])
    ]
    assert shown == ["True\n", "False\n"]


def test_what_comes_before_the_train_stage_is_done_when_it_is_measured(tmp_path: Path) -> None:
    arguments = argparse.Namespace(settings=["omp"], model=None, threads=None)
    runs = settings._runs(arguments, tmp_path)  # runs prepare and hpo
    assert list(runs) == ["train stage, tiny", "ten steps of BERT-base's size"]
    assert (tmp_path / "metrics" / "hpo" / "best.yaml").is_file()


def test_a_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    on, off = [(1.0, 2.0), (1.0, 4.0), (1.0, 8.0)], [(2.0, 2.0), (3.0, 6.0), (5.0, 9.0)]
    assert settings._cells(on, off, 0) == ["1.0", "3.0", "3.00"]
    assert settings._cells(on, off, 1) == ["4.0", "6.0", "1.12"]

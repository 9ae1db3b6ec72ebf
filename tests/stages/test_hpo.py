"""The stage hpo: which parameters of train it overrides, and that it costs nothing without a search.

pytest tests/stages/test_hpo.py
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src.core.files import read_yaml
from src.core.records import Example, write_examples
from tests.conftest import ROOT, Ended, ParamsFile, Stage

TUNED = """
tiny:
  cls: {learning_rate: 3e-05, epochs: 2}
  cls+span: {task_weights: {span: 0.5}}
dictabert:
  span: {batch_size: 16}
"""
CHOICE = {"model": "tiny", "task": "cls"}
Hpo = Callable[..., Ended]

WRITTEN = ["best.yaml", "history.csv", "importances.csv", "slices", "trials.csv"]  # tables without rows


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "hpo"


@pytest.fixture
def hpo(stage: Stage, params_file: ParamsFile, prepared: Path, out: Path, tmp_path: Path) -> Hpo:
    """Runs the stage: hpo({"task": "span"}, tuned="...")."""

    def run(changes: dict[str, Any], *, tuned: str | None = TUNED, data: Path = prepared) -> Ended:
        file = tmp_path / "tuned.yaml"
        if tuned is not None:
            file.write_text(tuned, encoding="utf-8")
        params = params_file(CHOICE | changes)
        return stage("hpo", "--params", params, "--data", data, "--tuned", file, "--out", out)

    return run


def refused(ended: Ended, out: Path, *words: str) -> None:
    """One line that holds the words, exit status 2, and nothing written."""
    assert ended.status == 2
    assert ended.err.startswith("error: ")
    assert len(ended.err.splitlines()) == 1
    for word in words:
        assert word in ended.err, ended.err
    assert ended.out == ""
    assert list(out.parent.glob("*hpo*")) == []


@pytest.mark.parametrize("task", ["cls", "span", "cls+span"])
def test_fixed_overrides_nothing(task: str, hpo: Hpo, out: Path) -> None:
    assert hpo({"hpo.mode": "fixed", "task": task}).status == 0
    assert sorted(path.name for path in out.iterdir()) == WRITTEN
    assert read_yaml(out / "best.yaml") == {"mode": "fixed", "overrides": {}}


def test_fixed_needs_no_tuned_values(hpo: Hpo, out: Path) -> None:
    assert hpo({"hpo.mode": "fixed"}, tuned=None).status == 0
    assert read_yaml(out / "best.yaml") == {"mode": "fixed", "overrides": {}}


@pytest.mark.parametrize("mode", ["fixed", "tuned"])
def test_it_imports_neither_torch_nor_transformers(
    mode: str, params_file: ParamsFile, prepared: Path, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "tuned.yaml").write_text(TUNED)
    code = (
        "import sys; from src.stages import hpo; hpo.main();"
        "print({'torch', 'transformers', 'tokenizers', 'datasets', 'sklearn'} & set(sys.modules))"
    )
    arguments = {
        "params": params_file({**CHOICE, "hpo.mode": mode}), "data": prepared, "tuned": tmp_path / "tuned.yaml",
        "out": out,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, *(f"--{name}={value}" for name, value in arguments.items())],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "set()"
    assert (out / "best.yaml").is_file()


@pytest.mark.parametrize(
    ("model", "task", "expected"),
    [
        ("tiny", "cls", {"learning_rate": 3e-5, "epochs": 2}),
        ("tiny", "cls+span", {"task_weights": {"span": 0.5}}),
        ("dictabert", "span", {"batch_size": 16}),
    ],
)
def test_tuned_takes_the_entry_of_model_and_task(
    model: str, task: str, expected: dict[str, Any], hpo: Hpo, out: Path
) -> None:
    ended = hpo({"hpo.mode": "tuned", "model": model, "task": task})
    assert ended.status == 0
    assert read_yaml(out / "best.yaml") == {"mode": "tuned", "overrides": expected}
    assert all(name in ended.out for name in expected)


def test_what_was_there_is_replaced(hpo: Hpo, out: Path) -> None:
    out.mkdir()
    (out / "stale.csv").touch()
    assert hpo({"hpo.mode": "fixed"}).status == 0
    assert sorted(path.name for path in out.iterdir()) == WRITTEN


@pytest.mark.parametrize(
    ("changes", "tuned"),
    [
        pytest.param({"model": "alephbert"}, TUNED, id="another model"),
        pytest.param({"task": "span"}, TUNED, id="another task of the model"),
        pytest.param({}, "{}", id="an empty mapping"),
        pytest.param({}, "# nothing yet", id="comments only"),
        pytest.param({}, "tiny:\n  span: {epochs: 1}", id="the task is missing"),
        pytest.param({}, "tiny:", id="the model is empty"),
    ],
)
def test_a_missing_entry_is_an_error_that_says_how_to_add_it(
    changes: dict[str, str], tuned: str, hpo: Hpo, out: Path
) -> None:
    model, task = (CHOICE | changes)["model"], (CHOICE | changes)["task"]
    ended = hpo({"hpo.mode": "tuned", **changes}, tuned=tuned)
    refused(ended, out, "tuned.yaml", model, task, "no entry", "hpo.mode: fixed")


def test_a_missing_entry_is_an_error_that_lists_those_there_are(hpo: Hpo, out: Path) -> None:
    ended = hpo({"hpo.mode": "tuned", "task": "span"})
    refused(ended, out, "tiny cls, tiny cls+span, dictabert span")


def test_a_missing_file_of_tuned_values_is_an_error(hpo: Hpo, out: Path) -> None:
    refused(hpo({"hpo.mode": "tuned"}, tuned=None), out, "tuned.yaml", "does not exist")


@pytest.mark.parametrize(
    "tuned",
    [
        pytest.param("tiny: {cls: }", id="nothing"),
        pytest.param("tiny: {cls: 5}", id="a number"),
        pytest.param("tiny: {cls: fast}", id="a word"),
        pytest.param("tiny: {cls: [epochs, 3]}", id="a list"),
        pytest.param("tiny: 5", id="a model that is a number"),
        pytest.param("tiny: fast", id="a model that is a word"),
        pytest.param("- tiny", id="a file that is a list"),
        pytest.param("tiny", id="a file that is a word"),
    ],
)
def test_an_entry_that_is_no_mapping_is_an_error_and_no_traceback(tuned: str, hpo: Hpo, out: Path) -> None:
    ended = hpo({"hpo.mode": "tuned"}, tuned=tuned)
    refused(ended, out, "tuned.yaml")
    assert "it has: tiny cls" not in ended.err, "what is refused is listed as being there"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{lerning_rate: 1e-4}", ["lerning_rate", "did you mean 'learning_rate'"]),
        ("{seed: 1}", ["seed", "Legal:", "learning_rate"]),
        ("{epochs: many}", ["epochs", "many"]),
        ("{epochs: 0}", ["epochs", "0"]),
        ("{warmup_ratio: 0.6}", ["warmup_ratio", "0.5"]),
        ("{lr_scheduler: constant}", ["lr_scheduler", "linear", "cosine"]),
    ],
)
def test_an_entry_that_is_not_legal_for_train_is_an_error_that_names_file_and_key(
    entry: str, words: list[str], hpo: Hpo, out: Path
) -> None:
    refused(hpo({"hpo.mode": "tuned"}, tuned=f"tiny: {{cls: {entry}}}"), out, "tuned.yaml", *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "dictabret"}, ["'dictabret'", "did you mean 'dictabert'"]),
        ({"model": "neodictabert"}, ["train.trust_remote_code"]),
        ({"task": "spam"}, ["'spam'", "did you mean 'span'"]),
        ({"hpo.mode": "serch"}, ["hpo.mode", "fixed", "tuned", "search"]),
        ({"train.epoch": 3}, ["train.epoch", "did you mean 'train.epochs'"]),
    ],
)
def test_what_train_could_not_do_is_refused_before_it(
    changes: dict[str, Any], words: list[str], hpo: Hpo, out: Path
) -> None:
    refused(hpo(changes), out, *words)


def test_a_task_that_the_corpus_has_no_targets_for_is_refused(
    hpo: Hpo, out: Path, splits: dict[str, list[Example]], prepared: Path, tmp_path: Path
) -> None:
    write_examples(tmp_path / "data" / "train.jsonl", [replace(example, tags=None) for example in splits["train"]])
    (tmp_path / "data" / "labels.json").write_bytes((prepared / "labels.json").read_bytes())
    refused(hpo({"task": "span"}, data=tmp_path / "data"), out, "'span'", "no targets", "cls")


def test_data_that_are_not_prepared_are_an_error(hpo: Hpo, out: Path, tmp_path: Path) -> None:
    refused(hpo({}, data=tmp_path / "nowhere"), out, "nowhere", "does not exist")

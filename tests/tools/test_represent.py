"""represent: models in, files of states out.

pytest tests/tools/test_represent.py
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.core.records import Example
from src.models.matcher import Matcher
from src.representations.extraction import choose
from src.representations.states_file import read
from tests.conftest import Ended, ParamsFile
from tests.models.conftest import Make
from tests.tools.conftest import Tool

REPRESENT = {"train.represent": {"steps": [], "examples": 9, "budget_mib": 1}}


@pytest.fixture
def represent(tool: Tool, params_file: ParamsFile, prepared: Path, tmp_path: Path) -> Any:
    """Runs the tool on the sample: represent("--base", changes={"seed": 2}); writes tmp_path/out/a.safetensors."""

    def call(*arguments: Any, changes: dict[str, Any] | None = None) -> Ended:
        params = params_file(REPRESENT | (changes or {}))
        out = tmp_path / "out" / "a.safetensors"
        return tool("represent", f"--params={params}", f"--data={prepared}", f"--out={out}", *arguments)

    return call


def test_a_base_is_what_training_starts_from(
    represent: Any,
    make: Make,
    splits: dict[str, list[Example]],
    tmp_path: Path,
) -> None:
    ended = represent("--base")
    path = tmp_path / "out" / "a.safetensors"
    assert ended.status == 0, ended.err
    assert ended.out.startswith(f"wrote {path}: 9 examples x 3 layers x 256, 0.0")
    first = read(path)
    assert first.about.ids == [example.id for example in choose(splits["validation"], 9)]
    assert (first.about.model, first.about.architecture, first.about.step) == ("tiny", "bert", None)
    make("cls", None, seed=42).save(tmp_path / "model")  # what the stage begins with under seed 42
    assert represent("--model", tmp_path / "model", "--batch-size", 2).status == 0
    again = read(path)
    assert again.about.model == str(tmp_path / "model")
    assert again.about.inputs == first.about.inputs
    assert np.abs(first.states - again.states).max() < 1e-5
    assert represent("--base", changes={"seed": 2}).status == 0
    assert np.abs(first.states - read(path).states).max() > 1e-3


def test_another_base_a_joint_model_and_fewer_examples(
    represent: Any,
    make: Make,
    local_models: dict[str, Path],
    tmp_path: Path,
) -> None:
    path = tmp_path / "out" / "a.safetensors"
    assert represent("--base", local_models["roberta"], "--examples", 3).status == 0
    assert read(path).about.architecture == "roberta"
    assert read(path).states.shape == (3, 3, 32)
    make("cls+span", "roberta", separate_encoders=True).save(tmp_path / "joint")
    for encoder, arguments in (("encoder", ()), ("encoders.span", ("--encoder", "span"))):
        assert represent("--model", tmp_path / "joint", *arguments).status == 0
        assert read(path).about.encoder == encoder


def test_a_folder_runs_code_of_its_own_with_the_flag_alone_whatever_params_say(
    represent: Any, make: Make, tmp_path: Path
) -> None:
    model, planted = tmp_path / "model", tmp_path / "planted"
    make("cls").save(model)
    (model / "code.py").write_text(f"import pathlib\npathlib.Path({str(planted)!r}).touch()\n")
    config = json.loads((model / "config.json").read_text())
    auto_map = {"AutoConfig": "code.Config", "AutoModelForSequenceClassification": "code.Model"}
    (model / "config.json").write_text(json.dumps(config | {"auto_map": auto_map}))
    trusting = {"train.trust_remote_code": True, "train.revision": "0" * 40}
    represent("--model", model, changes=trusting)
    assert not planted.exists()
    represent("--model", model, "--trust-remote-code")
    assert planted.exists()


def test_a_file_says_what_training_started_from_where_that_is_known(represent: Any, make: Make, tmp_path: Path) -> None:
    path, model = tmp_path / "out" / "a.safetensors", tmp_path / "model"
    assert represent("--base", changes={"seed": 7}).status == 0
    assert read(path).about.start == "tiny for cls of seed 7"
    make("cls", None).save(model)
    for text, expected in (
        ("---\nparameters: {model: tiny, task: cls, seed: 42, revision: null}\n---\n", "tiny for cls of seed 42"),
        ("---\nparameters: {model: tiny}\n---\n", None),
        ("---\nlicense: mit\n---\n", None),
        ("---\na: [\n---\n", None),
        ("---\n- a\n---\n", None),
        ("no metadata", None),
    ):
        (model / "README.md").write_text(text)
        assert represent("--model", model).status == 0
        assert read(path).about.start == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--base", "--budget", "0.001"], "9 examples x 3 layers x 256 numbers of 4 bytes), more than --budget: 0.001"),
        (["--base", "--examples", "1"], "--examples is 1; it must be 2 or more"),
        (["--base", "dictabret"], "did you mean 'dictabert'"),
        (["--base", "--encoder", "span"], "unknown task with a separate encoder 'span'"),
        (["--model", "nowhere"], "nowhere contains no model"),
        (["--model", "matcher"], "matcher is a zero-shot list of idioms, which has no weights"),
        (["--base", "--budget", "0"], "--budget is 0; it must be above 0"),
        (["--base", "--batch-size", "0"], "--batch-size is 0; it must be 1 or more"),
    ],
)
def test_what_cannot_be_represented_is_refused_in_one_line_and_nothing_is_written(
    arguments: list[str], words: str, represent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matcher").mkdir()
    Matcher({"span": ["IDIOM"]}, "IDIOM", ["שבר את הקרח"]).save(tmp_path / "matcher")
    ended = represent(*arguments)
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.strip().splitlines()[-1].startswith("error: ")
    assert words in ended.err
    assert not (tmp_path / "out").exists()

"""Files of representations: what goes in comes out, and anything else is refused in one line.

pytest tests/representations/test_states_file.py
"""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save_file

from src.core.user_errors import UserError
from src.representations.states_file import STATES, About, Representations, read, size, write
from tests.conftest import ROOT

ABOUT = About(
    model="./שבר", start="tiny, seed 1", encoder="bert", architecture="bert", pooling="mean", precision="fp32",
    step=7, ids=["א", 'b "quoted"', "c"], texts="1" * 64, inputs="2" * 64,
)  # fmt: skip
FOUND = Representations(np.arange(24, dtype=np.float32).reshape(3, 4, 2), ABOUT)


@pytest.mark.parametrize("step", [None, 0, 7])
def test_what_is_written_is_read(step: int | None, tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.safetensors"
    write(path, Representations(FOUND.states, replace(ABOUT, step=step)))
    found = read(path)
    assert found.about == replace(ABOUT, step=step)
    assert np.array_equal(found.states, FOUND.states)
    assert [other.name for other in path.parent.iterdir()] == ["a.safetensors"]


def test_equal_representations_are_equal_files(tmp_path: Path) -> None:
    contents = set()
    for i in range(5):
        write(tmp_path / "a", Representations(FOUND.states + i * 0, ABOUT))
        contents.add((tmp_path / "a").read_bytes())
    assert len(contents) == 1


def test_any_reader_of_safetensors_reads_it(tmp_path: Path) -> None:
    write(tmp_path / "a", FOUND)
    assert load((tmp_path / "a").read_bytes()).keys() == {STATES}
    head = (tmp_path / "a").read_bytes()
    metadata = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])["__metadata__"]
    assert json.loads(metadata["about"])["model"] == "./שבר"
    assert json.loads(metadata["about"])["ids"] == ABOUT.ids


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 13, 768)])
def test_the_size_is_known_before_there_are_states(shape: tuple[int, int, int], tmp_path: Path) -> None:
    write(tmp_path / "a", Representations(np.zeros(shape, np.float32), ABOUT))
    assert abs((tmp_path / "a").stat().st_size - size(shape, ABOUT)) <= 32


def other(path: Path, states: Any = FOUND.states, **changes: Any) -> None:
    about = {key: value for key, value in (asdict(ABOUT) | changes).items() if value is not ...}
    save_file({STATES: states}, path, {"about": json.dumps(about)})


BROKEN = {
    "no safetensors": lambda path: path.write_text("states"),
    "nothing": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "a head that promises too much": lambda path: path.write_bytes((2**62).to_bytes(8, "little") + b"{}"),
    "another tensor": lambda path: save_file({"weight": FOUND.states}, path, ABOUT.metadata()),
    "a model, without metadata": lambda path: save_file({STATES: FOUND.states}, path),
    "a key is missing": lambda path: other(path, inputs=...),
    "metadata that are no JSON": lambda path: save_file({STATES: FOUND.states}, path, {"about": "[1"}),
    "metadata that are no mapping": lambda path: save_file({STATES: FOUND.states}, path, {"about": "[1]"}),
    "ids that are no list": lambda path: other(path, ids="3"),
    "ids that are no texts": lambda path: other(path, ids=[1, 2, 3]),
    "a step that is none": lambda path: other(path, step="seven"),
    "fewer ids than samples": lambda path: other(path, ids=["a"]),
    "two axes": lambda path: other(path, FOUND.states[0]),
    "no samples": lambda path: other(path, FOUND.states[:0], ids=[]),
    "other numbers": lambda path: other(path, FOUND.states.astype(np.int32)),
    "states that are no numbers": lambda path: other(path, FOUND.states / np.float32(0)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "no file": lambda path: path.unlink(),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.filterwarnings("ignore:(divide|invalid)")
def test_anything_else_is_refused_by_its_name(how: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write(path, FOUND)
    BROKEN[how](path)
    with pytest.raises(UserError) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_written_whole_leaves_the_one_before(tmp_path: Path) -> None:
    write(tmp_path / "a", FOUND)
    with pytest.raises(AttributeError):
        write(tmp_path / "a", Representations(None, ABOUT))  # type: ignore[arg-type]
    assert read(tmp_path / "a").about == ABOUT
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_reading_imports_no_torch() -> None:
    code = "import sys, src.tools.drift; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

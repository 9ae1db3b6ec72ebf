"""The README against the project: what it names is there.

pytest tests/test_readme.py
"""

import re
import shlex
from typing import Any

import pytest
from ruamel.yaml import YAML

from src.models.encoders import ENCODERS
from src.tasks import TASKS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in README.splitlines() if line.startswith("    ")]
PARAMS: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def tree() -> list[str]:
    """The paths in the annotated tree."""
    block = README.split("<!-- tree -->")[1].split("<!-- /tree -->")[0]
    return [path for line in block.strip().splitlines() for path in re.split(r",? +", line.strip().split("   ")[0])]


@pytest.mark.parametrize("path", tree())
def test_every_path_of_the_tree_is_there_or_is_made_by_the_pipeline(path: str) -> None:
    made = {out.split("/")[0] for out in ("data/prepared", "models/current", "metrics/train")}
    assert (ROOT / path).exists() or path.split("/")[0] in made


def test_every_package_and_module_of_src_stands_in_the_tree() -> None:
    found = {f"src/{path.name}" for path in (ROOT / "src").iterdir() if path.name not in ("__init__.py", "__pycache__")}
    assert found == {path for path in tree() if path.startswith("src/")}


@pytest.mark.parametrize("key", sorted(set(re.findall(r"-S '?([a-z_.]+)=", README))))
def test_every_parameter_that_a_command_sets_is_in_params_yaml(key: str) -> None:
    value: Any = PARAMS
    for part in key.split("."):
        value = value[part]


@pytest.mark.parametrize(
    "module", sorted(set(re.findall(r"python -m (src\.[a-z_.]+)", README))) or ["src.stages.prepare"]
)
def test_every_module_that_a_command_runs_is_there(module: str) -> None:
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


@pytest.mark.parametrize("target", sorted({words[1] for c in COMMANDS if (words := c.split())[0] == "make"}))
def test_every_make_target_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_tables_name_every_model_and_every_task() -> None:
    for name in (*ENCODERS, *TASKS, "+".join(TASKS)):
        assert f"`{name}`" in README


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if command.startswith(("dvc", "git", "make", "python"))]
)
def test_a_command_can_be_pasted_into_a_shell(command: str) -> None:
    assert shlex.split(command, comments=True)


def test_the_table_of_corpora_names_all_that_are_shipped() -> None:
    for path in (ROOT / "data" / "raw").glob("*/corpus.yaml"):
        assert f"`{path.parent.name}`" in README

"""The README, CONTRIBUTING.md and docs/ against the project; nothing is trained here.

pytest tests/docs/test_pages.py
"""

import importlib.util
import re
import shlex
from typing import Any

import pytest
from ruamel.yaml import YAML

from docs import reference
from src.deploy.variants import VARIANTS
from src.models.encoders import ENCODERS
from src.tasks import TASKS
from src.training.health_rules import RULES
from src.training.modes import MODES
from tests.docs.pages import ALL, EXCEPTIONS, OUTPUTS_OF_FULL_RUNS, PAGES, STATUSES, Command
from tests.project import ROOT, sh

PARAMS: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARSERS = reference.parsers()


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def label(command: Command) -> str:
    return f"{command.page}:{command.line}"


def test_the_readme_is_under_250_lines() -> None:
    assert len(README.splitlines()) < 250


def test_the_site_is_built_without_a_warning(tmp_path: Any) -> None:
    sh(f"python -m mkdocs build --strict --quiet --site-dir {tmp_path}", ROOT)
    for name in reference.PAGES:
        assert (tmp_path / "reference" / name / "index.html").is_file()


def test_the_navigation_has_every_page_once() -> None:
    pages = re.findall(r"[\w/-]+\.md$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    files = [path.name for path in (ROOT / "docs").glob("*.md")] + [f"reference/{name}.md" for name in reference.PAGES]
    assert sorted(pages) == sorted(files)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_link_to_a_file_of_the_project_leads_to_a_file(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text(encoding="utf-8")):
        assert target.startswith("https://") or (ROOT / target).is_file(), target


@pytest.mark.parametrize("command", ALL, ids=label)
def test_every_parameter_that_a_command_sets_is_in_params_yaml(command: Command) -> None:
    for key in re.findall(r"-S '?([a-z_.]+)=", command.text):
        value: Any = PARAMS
        for part in key.split("."):
            value = value[part]


@pytest.mark.parametrize("command", [command for command in ALL if "python -m src" in command.text], ids=label)
def test_every_tool_accepts_the_arguments_of_a_command(command: Command) -> None:
    for line in command.text.splitlines():
        if "python -m src" in line:
            words = shlex.split(line.replace("<", "").replace(">", ""), comments=True)
            start = words.index("src")
            PARSERS[words[start + 1]].parse_args(words[start + 2 :])  # it exits where an argument is illegal


@pytest.mark.parametrize("tool", PARSERS)
def test_every_page_that_a_tool_names_exists(tool: str) -> None:
    for name in re.findall(r"docs/[\w-]+\.md", PARSERS[tool].format_help()):
        assert (ROOT / name).is_file()


@pytest.mark.parametrize("command", [command for command in ALL if "python -m benchmarks" in command.text], ids=label)
def test_every_benchmark_that_a_command_runs_exists(command: Command) -> None:
    for module in re.findall(r"python -m (benchmarks\.\w+)", command.text):
        assert importlib.util.find_spec(module)


@pytest.mark.parametrize("command", [command for command in ALL if command.text.startswith("make ")], ids=label)
def test_every_make_target_exists(command: Command) -> None:
    target = command.text.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("listed", [*EXCEPTIONS, *STATUSES])
def test_every_listed_exception_is_a_command_of_a_page(listed: str) -> None:
    assert any(re.search(listed, command.text) for command in ALL)


@pytest.mark.parametrize("listed", OUTPUTS_OF_FULL_RUNS, ids=str)
def test_every_listed_output_stands_on_its_page(listed: tuple[str, str]) -> None:
    assert any(command.page == listed[0] and command.shown.startswith(listed[1]) for command in ALL)


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("encoders-and-tasks.md", [*ENCODERS, *TASKS, "+".join(TASKS), *MODES]),
        ("your-data.md", [path.parent.name for path in (ROOT / "data/raw").glob("*/corpus.yaml")]),
        ("is-a-run-sound.md", RULES),
        ("speed-and-deployment.md", VARIANTS),
    ],
)
def test_a_page_names_every_entry_of_its_registry(name: str, terms: Any) -> None:
    for term in terms:
        assert f"`{term}`" in page(name), term


def test_every_old_form_of_a_command_is_gone() -> None:
    for path in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        assert "src.tools." not in path.read_text(encoding="utf-8"), path


def tree() -> list[str]:
    """The paths in the annotated tree of CONTRIBUTING.md."""
    block = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("<!-- tree -->")[1].split("<!-- /tree -->")[0]
    return [path for line in block.strip().splitlines() for path in re.split(r",? +", line.strip().split("   ")[0])]


@pytest.mark.parametrize("path", tree())
def test_every_path_of_the_tree_exists_or_is_an_output_of_the_pipeline(path: str) -> None:
    outputs = {out.split("/")[0] for out in ("data/prepared", "models/current", "metrics/train")}
    assert (ROOT / path).exists() or path.split("/")[0] in outputs


def test_every_package_of_src_stands_in_the_tree() -> None:
    packages = {f"src/{path.parent.name}" for path in (ROOT / "src").glob("*/__init__.py")}
    assert packages == {path for path in tree() if path.startswith("src/")}

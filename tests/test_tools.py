"""`python -m src`: the list of tools, and the help of each.

pytest tests/test_tools.py
"""

import re
import runpy
import subprocess
import sys

import pytest

from src.tools import TOOLS
from tests.conftest import ROOT

HELP = """
import sys
sys.argv = ["src", "{tool}", "--help"]
from src.__main__ import main
try:
    main()
except SystemExit as end:
    heavy = {{"torch", "transformers", "datasets", "sklearn", "matplotlib.figure"}} & set(sys.modules)
    print(end.code, sorted(heavy), file=sys.stderr)
"""


def src(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "src", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_registry_names_every_file_of_the_folder() -> None:
    files = {path.stem for path in (ROOT / "src/tools").glob("*.py")} - {"__init__"}
    assert TOOLS.keys() == files


def test_without_a_tool_all_are_listed_with_a_line_each() -> None:
    ended = src()
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    for tool, purpose in TOOLS.items():
        assert sum(line.split(maxsplit=1) == [tool, purpose] for line in lines) == 1


def test_a_misspelt_tool_is_an_error_with_the_nearest_name() -> None:
    ended = src("compair")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: unknown tool 'compair', did you mean 'compare'?")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_also_runs_as_a_module(
    tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [tool, "--help"])
    monkeypatch.delitem(sys.modules, f"src.tools.{tool}", raising=False)  # otherwise runpy warns
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module(f"src.tools.{tool}", run_name="__main__", alter_sys=True)
    assert f"usage: python -m src {tool} " in capsys.readouterr().out


@pytest.mark.parametrize("tool", TOOLS)
def test_help_shows_an_example_and_a_page_and_loads_no_large_library(tool: str) -> None:
    code = HELP.format(tool=tool)
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines()[-1] == "0 []"
    assert ended.stdout.startswith(f"usage: python -m src {tool} ")
    assert re.search(rf"^ *(python -m src {tool}\b|make drive)", ended.stdout, re.MULTILINE)
    (page,) = re.findall(r"^Documentation: (docs/[\w-]+\.md)$", ended.stdout, re.MULTILINE)
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.search(rf"python -m src {tool}\b|make drive" if tool == "drive" else rf"python -m src {tool}\b", text)

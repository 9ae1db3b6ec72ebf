"""The commands of the README and of docs/ are run, page by page and in their order, on a copy with reduced parameters.

pytest -m slow tests/docs/test_commands.py    # several minutes
"""

import csv
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import OUTPUTS_OF_FULL_RUNS, PAGES, STATUSES, Command, commands, pattern
from tests.project import ROOT, queue_is_empty, sh

pytestmark = pytest.mark.slow


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of `finished` with a Git remote, a DVC remote, and a data file of a person."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, symlinks=True)
    sh('dvc config --local remote.local.url "$PWD/.dvc-remote"', folder)
    sh("git init -q --bare ../origin.git && git remote add origin ../origin.git", folder)
    with (ROOT / "data/raw/sample/sentences.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))[::4]
    with (folder / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["text", "label"], *([row["sentence"], row["label_str"]] for row in rows)])
    yield folder
    sh("dvc queue stop --kill", folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page: Path, project: Path) -> None:
    for command in commands(page):
        if command.exception is None:
            output = run(command, project)
            if command.shown and not any(
                page.name == name and command.shown.startswith(start) for name, start in OUTPUTS_OF_FULL_RUNS
            ):
                shown = pattern(command.shown)
                assert re.search(shown, output, re.MULTILINE), f"{page.name}:{command.line}\n{shown}\n{output}"


def run(command: Command, project: Path) -> str:
    """Runs a command as a person would paste it; after a start of the queue, waits for the end of its experiments."""
    text = command.text
    if "<name>" in text:
        names = sh("dvc exp list --name-only", project).split() or sh("dvc exp list -A --name-only", project).split()
        text = text.replace("<name>", names[0])
    text = text.replace("<folder>", "fetched")
    in_queue = "dvc queue start" in text
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"({text}\n) > /dev/null 2>&1" if in_queue else text],
        cwd=project,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1"},  # metrics diff prints files in a set's order
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    output = done.stdout + done.stderr
    legal = next((statuses for pattern, statuses in STATUSES.items() if re.search(pattern, text)), (0,))
    assert done.returncode in legal, f"{command.page}:{command.line} {text}\n{output[-4000:]}"
    deadline = time.monotonic() + 900
    while in_queue and not queue_is_empty(project):
        assert time.monotonic() < deadline, text
        time.sleep(1)
    return output

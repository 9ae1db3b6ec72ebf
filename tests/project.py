"""The project as a repository of its own, for tests that run dvc and git on it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]

SMALL = {"prepare.max_samples": 160, "train.epochs": 1, "evaluate.bootstrap_samples": 20}


def sh(
    command: str, cwd: Path, status: int = 0, timeout: float = 300, environment: Mapping[str, str] = os.environ
) -> str:
    """Runs a command as a person would type it and returns all that it printed; it can ask nobody for anything."""
    done = subprocess.run(
        command,
        shell=True,
        cwd=cwd,
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def copy_of_project(folder: Path) -> Path:
    """A fresh repository with the files that git tracks here (or would: new ones that it does not ignore)."""
    for name in sh("git ls-files --cached --others --exclude-standard", ROOT).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    sh("git init -q && git add -A && git commit -qm 'The project'", folder)
    return folder


def write_params(path: Path, changes: Mapping[str, Any]) -> Path:
    """Writes the shipped params.yaml with changes, such as {"train.epochs": 1}; the value `...` drops a key."""
    params = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    for key, value in changes.items():
        *sections, last = key.split(".")
        target = params
        for section in sections:
            target = target[section]
        if value is ...:
            del target[last]
        else:
            target[last] = value
    YAML().dump(params, path)
    return path


def ran(output: str) -> list[str]:
    """The stages that dvc says it ran."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def cached(output: str) -> list[str]:
    """The stages that dvc says it took from the run-cache."""
    return [line.split("'")[1] for line in output.splitlines() if "' is cached - skipping run" in line]


def queue_is_empty(project: Path) -> bool:
    """Asks twice, for a task that a worker is just taking is neither queued nor running."""
    return not any({"Queued", "Running"} & set(sh("dvc queue status", project).split()) for _ in range(2))

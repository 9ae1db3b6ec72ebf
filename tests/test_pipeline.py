"""dvc.yaml against the code: dependencies, parameters, outputs; nothing runs here.

pytest tests/test_pipeline.py
"""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from src.core.config import Params
from tests.conftest import ROOT

PIPELINE = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")
STAGES: dict[str, dict[str, Any]] = PIPELINE["stages"]


def written(spec: dict[str, Any]) -> list[str]:
    """The paths that a stage writes: its outs, and metrics that stay in Git."""
    return [*spec["outs"], *(path for metric in spec.get("metrics", []) for path in metric)]


def imported(file: Path) -> set[Path]:
    """The files of src that a file imports anywhere, in functions too, and the packages that this runs."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    found = set()
    for name in names:
        for path in (ROOT / f"{name.replace('.', '/')}.py", ROOT / name.replace(".", "/") / "__init__.py"):
            if path.is_file():
                found |= {
                    path,
                    *(parent / "__init__.py" for parent in path.parents if (parent / "__init__.py").is_file()),
                }
    return {path for path in found if path.is_relative_to(ROOT / "src")}


def closure(file: Path) -> set[Path]:
    """All files of src that importing a file may run, itself included; files that hold but a docstring run nothing."""
    done: set[Path] = set()
    open_files = {file}
    while open_files:
        current = open_files.pop()
        done.add(current)
        open_files |= imported(current) - done
    return {path for path in done if len(ast.parse(path.read_text(encoding="utf-8")).body) > 1}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_folders_that_it_imports(stage: str) -> None:
    src = ROOT / "src"
    inside = {path.relative_to(src) for path in closure(src / f"stages/{stage}.py")}
    needed = {path.parts[0] for path in inside if path.parts[0] != "stages"} | {f"stages/{stage}.py"}
    assert {dep.removeprefix("src/") for dep in STAGES[stage]["deps"] if dep.startswith("src/")} == needed


def test_editing_analysis_code_re_runs_evaluate_alone() -> None:
    assert [stage for stage, spec in STAGES.items() if "src/analysis" in spec["deps"]] == ["evaluate"]


def test_seed_is_a_parameter_of_train_alone() -> None:
    assert [stage for stage, spec in STAGES.items() if "seed" in spec["params"]] == ["train"]


@pytest.mark.parametrize("stage", ["hpo", "train"])
def test_what_chooses_a_model_never_reads_test_data(stage: str) -> None:
    data = [dep for dep in STAGES[stage]["deps"] if dep.startswith("data/")]
    about = {f"data/prepared/{name}.json" for name in ("corpus", "idioms", "label_words")}
    known = about if stage == "train" else set()  # no rows
    rows = {f"data/prepared/{name}" for name in ("labels.json", "train.jsonl", "validation.jsonl")}
    assert set(data) == rows | known


def test_every_section_of_params_yaml_is_read_by_a_stage() -> None:
    read = {name.split(".")[0] for spec in STAGES.values() for name in spec["params"] if isinstance(name, str)}
    assert read == set(Params.model_fields) - {"cost"}  # a price re-runs nothing


@pytest.mark.parametrize("stage", STAGES)
def test_all_outs_are_cached_so_that_the_run_cache_works(stage: str) -> None:
    assert all(isinstance(out, str) for out in STAGES[stage]["outs"])  # no {cache: false}: tests/test_run_cache.py


@pytest.mark.parametrize("stage", STAGES)
def test_a_command_names_every_data_path_that_its_stage_declares(stage: str) -> None:
    spec = STAGES[stage]
    declared = [path for path in [*spec["deps"], *written(spec)] if not path.startswith("src/")]
    words = spec["cmd"].split()
    unnamed = [path for path in declared if not any(path == word or path.startswith(f"{word}/") for word in words)]
    assert not unnamed


def test_metrics_plots_and_the_model_are_declared() -> None:
    outs = [path for spec in STAGES.values() for path in written(spec)]
    plots = [
        path
        for plot in PIPELINE["plots"]
        for name, spec in plot.items()
        for path in (spec.get("y") if isinstance(spec.get("y"), dict) else [name])
    ]
    for path in [*PIPELINE["metrics"], *plots, PIPELINE["artifacts"]["idiom-model"]["path"]]:
        assert any(path == out or path.startswith(f"{out}/") for out in outs), path


@pytest.mark.parametrize("stage", STAGES)
def test_the_recorded_run_has_the_dependencies_of_today(stage: str) -> None:
    recorded = YAML(typ="safe", pure=True).load(ROOT / "dvc.lock")["stages"][stage]
    deps = {dep.replace("${prepare.corpus}", "sample") for dep in STAGES[stage]["deps"]}
    assert {dep["path"] for dep in recorded["deps"]} == deps

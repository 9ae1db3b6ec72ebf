"""Writes a report: one HTML page with tables and figures for a paper, which needs no network.

python -m src report                                   # the workspace, to report.html
python -m src report --experiments                     # all experiments of HEAD; names select some
python -m src report --predictions ours='runs/ours-*.jsonl' theirs=theirs.jsonl --data data/prepared
python -m src report --latex paper/tables --figures paper/figures
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.analysis import grouping
from src.analysis.grouping import Comparison, Run
from src.analysis.significance import Pair
from src.core.command import run
from src.core.command_line import command_parser, warn
from src.core.files import read_json, write_lines
from src.core.records import read_splits
from src.core.user_errors import UserError
from src.runs import experiments
from src.runs.comparisons import of_experiments, of_files
from src.runs.paths import DATA, ENVIRONMENT, HEALTH, LOCK, METRICS, PREDICTIONS, STATISTICS, TRAINING
from src.tasks.prediction_file import read_predictions

if TYPE_CHECKING:
    from src.analysis.report.contents import Material
    from src.analysis.report.figures import Points

CURVES = ("train/loss", "validation/loss", "validation/primary")

Reported = tuple[str, Comparison, list[Pair], dict[str, "Material"]]


def main() -> None:
    arguments = parser().parse_args()

    if arguments.data and not arguments.predictions:
        raise UserError("--data needs --predictions; the workspace and experiments have their own data")
    if (arguments.rev or arguments.over) and arguments.experiments is None:
        raise UserError("--rev and --over need --experiments")
    if arguments.predictions:
        reported = _of_files(arguments.predictions, arguments.data)
    elif arguments.experiments is not None:
        reported = _of_experiments(arguments.rev or "HEAD", arguments.over or ["seed"], arguments.experiments)
    else:
        reported = _of_workspace()
    title, comparison, pairs, materials = reported
    from src.analysis.report import figures, page  # loads matplotlib
    from src.analysis.report.contents import sections

    with figures.style():
        page_sections = sections(comparison, pairs, materials)
        written = page.latex(arguments.latex, comparison, page_sections) if arguments.latex else []
        written += page.draw(arguments.figures, page_sections) if arguments.figures else []
        write_lines(arguments.out, [page.html(title, comparison, page_sections, materials)])
    print("\n".join(map(str, [arguments.out, *written])))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src report", __doc__, "predictions-to-paper")
    source = options.add_mutually_exclusive_group()
    source.add_argument("--experiments", nargs="*", metavar="NAME", help="report experiments instead of the workspace")
    source.add_argument("--predictions", nargs="+", metavar="NAME=GLOB", help="report files of predictions")
    options.add_argument("--rev", help="the commit whose experiments are reported; default: HEAD")
    options.add_argument("--over", action="append", metavar="PARAM", help="parameters to average over; default: seed")
    options.add_argument("--data", type=Path, help="folder that prepare wrote, for the sentences of --predictions")
    options.add_argument("--out", type=Path, default=Path("report.html"), help="default: report.html")
    options.add_argument("--latex", type=Path, metavar="DIR", help="folder to write the tables to, as LaTeX")
    options.add_argument("--figures", type=Path, metavar="DIR", help="folder to write the figures to, as PDF and PNG")
    return options


def _of_workspace() -> Reported:
    material = _material(Path())
    params, name = material.params, "workspace"
    comparison = grouping.compare([Run(name, params, material.scores)])
    if changed := sorted(experiments.changes()):
        warning = f"the workspace has changed since these results were computed ({', '.join(changed)}): run dvc repro"
        comparison = replace(comparison, warnings=[*comparison.warnings, warning])
        warn([warning])
    return f"{params['model']}, {params['task']}", comparison, [], {name: material}


def _of_experiments(rev: str, over: Sequence[str], names: Sequence[str]) -> Reported:
    comparison, pairs, commits = of_experiments(rev, over, names)
    materials: dict[str, Material] = {}
    for name in dict.fromkeys(name for row in comparison.rows for name in row.runs):
        paths = (LOCK, METRICS, PREDICTIONS, STATISTICS, ENVIRONMENT, HEALTH, TRAINING, DATA)
        with experiments.fetched(commits[name], *paths) as folder:
            materials[name] = _material(folder)
    return f"Experiments of {rev}", comparison, pairs, materials


def _of_files(patterns: Sequence[str], data: Path | None) -> Reported:
    comparison, pairs, runs = of_files(patterns)
    examples = read_splits(data) if data else {}
    if data and not any(row.id in examples for rows in runs.values() for row in rows):
        raise UserError(f"--data {data} has none of the predicted rows; give the data of these predictions")
    from src.analysis.report.contents import Material

    return "Predictions", comparison, pairs, {name: Material(rows, examples) for name, rows in runs.items()}


def _material(root: Path) -> Material:
    """Reads the results of a run from a project folder; only scores and predictions are required."""
    from src.analysis.report.contents import Material

    return Material(
        rows=read_predictions(root / PREDICTIONS),
        scores=read_json(root / METRICS),
        params=experiments.locked_params(root / LOCK),
        examples=read_splits(root / DATA) if (root / DATA).is_dir() else {},
        history={name: _curve(path) for name in CURVES if (path := root / TRAINING / f"{name}.tsv").is_file()},
        environment=_optional(root / ENVIRONMENT),
        health=_optional(root / HEALTH),
        data=_optional(root / STATISTICS),
    )


def _optional(path: Path) -> Mapping[str, Any]:
    return read_json(path) if path.is_file() else {}


def _curve(path: Path) -> Points:
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file, delimiter="\t")
    return [(float(step), float(value)) for step, value in rows]


if __name__ == "__main__":
    run(main)

"""Scores predictions of any system: every metric of each split and group, categories of mistakes, calibration.

    python -m src score metrics/predictions              # a folder of files, scored together
    python -m src score a.jsonl b.jsonl --json           # each file separately; --csv

A row needs id, split, group, task, gold, predicted; docs/predictions-to-paper.md describes these fields.
"""

import argparse
import json
from pathlib import Path

from src.analysis import breakdown_table
from src.analysis.breakdown import breakdown, flat
from src.analysis.tables import as_csv
from src.core.command import run
from src.core.command_line import command_parser
from src.core.user_errors import UserError
from src.tasks.prediction_file import read_predictions


def main() -> None:
    arguments = parser().parse_args()
    if arguments.bootstrap_samples < 1:
        raise UserError(f"--bootstrap-samples is {arguments.bootstrap_samples}; it must be 1 or more")

    results = {str(path): breakdown(read_predictions(path), arguments.bootstrap_samples) for path in arguments.files}
    if arguments.json:
        print(json.dumps(results, ensure_ascii=False, indent=2, allow_nan=False))
    elif arguments.csv:
        names = ("file", "task", "split", "group", "metric", "value")
        print(as_csv(dict(zip(names, (path, *row), strict=True)) for path in results for row in flat(results[path])))
    else:
        print("\n\n".join(breakdown_table.text(path, result) for path, result in results.items()))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src score", __doc__, "predictions-to-paper")
    options.add_argument("files", nargs="+", type=Path, help="files of predictions, or folders of them")
    options.add_argument("--bootstrap-samples", type=int, default=1000, help="for 95 %% intervals; default: 1000")
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print CSV, a line per value")
    return options


if __name__ == "__main__":
    run(main)

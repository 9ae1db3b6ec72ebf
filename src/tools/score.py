"""Scores predictions, ours or anybody's: every metric of each split and group, errors, calibration.

    python -m src score metrics/predictions              # a folder of files, as one
    python -m src score a.jsonl b.jsonl --json           # each file by itself; --csv

A row needs id, split, group, task, gold, predicted; README.md says what they hold.
"""

import argparse
import json
from pathlib import Path

from src.analysis import breakdown_table
from src.analysis.breakdown import breakdown, flat
from src.analysis.tables import as_csv
from src.core.command_line import command_parser
from src.core.user_errors import UserError
from src.tasks.prediction_file import read_predictions


def main() -> None:
    arguments = parser().parse_args()
    if arguments.bootstrap_samples < 1:
        raise UserError(f"--bootstrap-samples is {arguments.bootstrap_samples}; it must be 1 or more")

    found = {str(path): breakdown(read_predictions(path), arguments.bootstrap_samples) for path in arguments.files}
    if arguments.json:
        print(json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False))
    elif arguments.csv:
        names = ("file", "task", "split", "group", "metric", "value")
        print(as_csv(dict(zip(names, (path, *row), strict=True)) for path in found for row in flat(found[path])))
    else:
        print("\n\n".join(breakdown_table.text(path, result) for path, result in found.items()))


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src score", __doc__, "predictions-to-paper")
    options.add_argument("files", nargs="+", type=Path, help="files of predictions, or folders of such")
    options.add_argument("--bootstrap-samples", type=int, default=1000, help="of each 95 %% interval; default: 1000")
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all as JSON")
    form.add_argument("--csv", action="store_true", help="print a line per figure")
    return options

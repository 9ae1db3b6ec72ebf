"""Combines predictions of several systems into one: mean probabilities or a vote.

    python -m src ensemble --out ensemble.jsonl runs/a.jsonl runs/b.jsonl runs/c.jsonl

`score` and `compare` read the result like any other file of predictions.
"""

import argparse
from pathlib import Path

from src.analysis.ensembling import METHODS, ensemble
from src.core.command import run
from src.core.command_line import command_parser
from src.core.user_errors import UserError
from src.tasks.prediction_file import read_predictions, write_predictions


def main() -> None:
    arguments = parser().parse_args()

    if len(set(arguments.files)) < len(arguments.files):
        raise UserError("a file is given twice; give each file once")
    rows = ensemble({str(path): read_predictions(path) for path in arguments.files}, arguments.method)
    write_predictions(arguments.out, rows)
    print(f"wrote {len(rows)} rows to {arguments.out}")


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src ensemble", __doc__, "predictions-to-paper")
    options.add_argument("files", nargs="+", type=Path, help="predictions of the same rows: files or folders")
    options.add_argument("--out", type=Path, required=True, help="file to write the combined predictions to")
    options.add_argument(
        "--method",
        choices=METHODS,
        help="how to combine labels; default: mean if all rows have probabilities, else vote",
    )
    return options


if __name__ == "__main__":
    run(main)

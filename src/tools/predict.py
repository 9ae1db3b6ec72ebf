"""Predicts with a trained model: texts, lines of standard input, or a file of any size.

    python -m src predict 'הוא שבר את הקרח בבדיחה אחת'
    python -m src predict --json < lines.txt               # a tab separates the two texts of a pair
    python -m src predict --file some.csv --text-column sentence --label-column label --out predictions.jsonl
    python -m src predict --file some.csv --corpus babe --out predictions.jsonl

A file may have any number of rows: it is read, predicted and written in parts and in order. `score`, `errors`,
`compare` and `report` read the predictions. Invalid rows are reported on standard error and left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from src import corpora
from src.analysis.scores import Running
from src.core.command import heavy_imports, run
from src.core.command_line import command_parser
from src.core.files import atomic_file
from src.core.records import Example, Prediction
from src.core.section import parse
from src.core.user_errors import UserError
from src.corpora import corpus_file, intake_checks
from src.corpora.corpus_file import Corpus
from src.corpora.rows import RowOrError
from src.corpora.typed_text import SPLIT, of_lines, with_words
from src.tasks import TASKS
from src.tasks.prediction_file import as_line

if TYPE_CHECKING:
    from src.models.interface import Model

PART = 1024  # rows of a file that are in memory at once
COLUMNS = {
    "text": "the text; default: text",
    "text_pair": "the second text of a pair",
    "label": "the gold label, for scoring",
    "id": "the id; default: file name and row number",
    "group": "the group, such as the idiom",
}

Predicted = tuple[Example, Sequence[Prediction]]


def main() -> None:
    arguments = parser().parse_args()
    if arguments.texts and arguments.file:
        raise UserError("texts and --file cannot be combined; give one of them")
    if arguments.file and arguments.out and arguments.out.exists() and arguments.out.samefile(arguments.file):
        raise UserError(f"--out {arguments.out} is the same file as --file; choose another")
    if arguments.batch_size < 1:
        raise UserError(f"--batch-size is {arguments.batch_size}; it must be 1 or more")
    if not all(text.partition("\t")[0].strip() for text in arguments.texts):
        raise UserError("one of the texts is empty; put each text in quotes")
    if arguments.out and not arguments.file:
        raise UserError("--out needs --file; predictions of texts are printed: use --json > FILE")

    with heavy_imports():
        from transformers.utils import logging

        from src.models import checkpoint, hardware
    logging.disable_progress_bar()
    model = checkpoint.load(arguments.model, trust_remote_code=arguments.trust_remote_code)
    model.to(hardware.device().type)
    rows = _of_file(arguments, model) if arguments.file else of_lines(arguments.texts or _standard_input())
    part = PART if arguments.file else 1  # a typed line is answered at once
    running, done, refused = Running(), 0, 0
    bar_off = None if arguments.out else True  # None: off unless standard error is a terminal
    with _writer(arguments.out, arguments.json) as write, tqdm(unit=" rows", disable=bar_off) as bar:
        for result in _predictions(model, rows, part, arguments.batch_size):
            bar.update()
            if isinstance(result, UserError):
                if arguments.strict:
                    raise result
                bar.write(f"left out: {result}", file=sys.stderr)
                refused += 1
            else:
                write(result)
                running.add(result[1])
                done += 1
        if not done:
            raise UserError(
                f"there is nothing to predict: {refused} rows were left out and no row remains; give "
                "texts, lines of standard input, or a --file with rows"
            )
    if arguments.file:
        _summary(arguments.out, running, done, refused)


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src predict", __doc__, "first-steps")
    options.add_argument("texts", nargs="*", help="texts; without texts and --file: lines of standard input")
    options.add_argument("--model", type=Path, default=Path("models/current"), help="folder; default: models/current")
    options.add_argument("--file", type=Path, help="CSV, TSV or JSON Lines")
    options.add_argument("--corpus", help="folder in data/raw; its corpus.yaml describes --file")
    for field, meaning in COLUMNS.items():
        options.add_argument(f"--{field.replace('_', '-')}-column", metavar="NAME", help=f"column of {meaning}")
    options.add_argument("--delimiter", help="of a CSV file; default: a comma; for *.tsv a tab")
    options.add_argument(
        "--no-quotes", action="store_true", help="a double quote in a CSV file is an ordinary character"
    )
    options.add_argument("--encoding", default="utf-8", help="default: utf-8")
    options.add_argument("--out", type=Path, help="file of predictions to write; default: print them")
    options.add_argument("--json", action="store_true", help="print predictions as JSON Lines")
    options.add_argument("--strict", action="store_true", help="stop at the first invalid row, and write nothing")
    options.add_argument("--batch-size", type=int, default=64, help="rows per forward pass; default: 64")
    options.add_argument("--trust-remote-code", action="store_true", help="allow the model to run its own Python code")
    return options


def _standard_input() -> Iterable[str]:
    if sys.stdin is None:
        raise UserError("standard input is closed; give texts, or --file")
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    return sys.stdin


def _of_file(arguments: argparse.Namespace, model: Model) -> Iterator[Example | UserError]:
    if arguments.file.is_dir():
        raise UserError(f"--file {arguments.file} is a folder; give a file")
    corpus = _corpus(arguments, model)
    ids: set[int] = set()  # hashes; generated ids are always different
    for row_or_error in corpora.stream(arguments.file, corpus, targets=arguments.corpus is None):
        row = _checked(row_or_error, corpus)
        if isinstance(row, Example) and corpus.columns.id is not None:
            if hash(row.id) in ids:
                row = UserError(f"{arguments.file}: id '{row.id}' occurs in an earlier row")
            else:
                ids.add(hash(row.id))
        yield row


def _corpus(arguments: argparse.Namespace, model: Model) -> Corpus:
    """The description of the file; its labels must be the labels of the model."""
    named = {field: name for field in COLUMNS if (name := getattr(arguments, f"{field}_column")) is not None}
    labels = next((list(model.labels[task.name]) for task in model.tasks if task.exclusive_labels), [])
    if arguments.corpus is not None:
        if named:
            raise UserError("--corpus already names the columns; remove --corpus or the column options")
        corpus = corpus_file.load(Path("data/raw") / arguments.corpus)
        if labels and set(corpus.labels) != set(labels):
            raise UserError(
                f"corpus '{arguments.corpus}' has the labels {', '.join(corpus.labels) or 'none'}, the model has "
                f"{', '.join(labels)}; to predict without scoring, name the columns instead of --corpus"
            )
        return corpus
    if "label" in named and not labels:
        raise UserError(
            f"--label-column needs a model of a task with labels, such as cls; this one has {'+'.join(model.labels)}"
        )
    suffix = arguments.file.suffix.lower()
    described = dict.fromkeys(("description", "language", "licence", "fetch"), "")
    layout = {  # of a table; readers that do not support a key refuse it
        "delimiter": "\t" if suffix == ".tsv" and arguments.delimiter is None else arguments.delimiter,
        "quoting": False if arguments.no_quotes else None,
    }
    keys = {
        "reader": "jsonl" if suffix in (".jsonl", ".ndjson") else "csv",
        "files": ["file"],
        **{key: value for key, value in layout.items() if value is not None},
        "encoding": arguments.encoding,
        "columns": {"text": "text", **named},
        "labels": labels,
    }
    return parse(Corpus, described | keys, arguments.file)


def _checked(row_or_error: RowOrError, corpus: Corpus) -> Example | UserError:
    if isinstance(row_or_error, UserError):
        return row_or_error
    try:
        intake_checks.check_row(row_or_error, corpus)
    except UserError as error:
        return error
    return with_words(replace(row_or_error.example, split=row_or_error.example.split or SPLIT))


def _predictions(
    model: Model, rows: Iterator[Example | UserError], part: int, batch_size: int
) -> Iterator[Predicted | UserError]:
    """Yields, in order, the example and its predictions for each row, or the error of the row."""
    while members := list(islice(rows, part)):
        predicted = iter(_predict(model, [row for row in members if isinstance(row, Example)], batch_size))
        for row in members:
            yield row if isinstance(row, UserError) else next(predicted)


def _predict(model: Model, examples: Sequence[Example], batch_size: int) -> list[Predicted | UserError]:
    try:
        rows = iter(model.predict(examples, batch_size))
    except UserError as error:  # of one example; the others are predicted one by one
        return (
            [error] if len(examples) == 1 else [result for e in examples for result in _predict(model, [e], batch_size)]
        )
    return [(example, list(islice(rows, len(model.labels)))) for example in examples]


@contextmanager
def _writer(out: Path | None, as_json: bool) -> Iterator[Callable[[Predicted], None]]:
    if out is None:
        yield lambda result: print("\n".join(map(as_line, result[1])) if as_json else _text(*result), flush=True)
        return
    with atomic_file(out) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda result: file.writelines(f"{as_line(row)}\n" for row in result[1])


def _text(example: Example, predictions: Sequence[Prediction]) -> str:
    lines = [" | ".join(filter(None, (example.text, example.text_pair)))]
    for row in predictions:
        gold = "" if row.gold is None else f"; gold: {TASKS[row.task].spelled(row, row.gold)}"
        lines.append(f"    {row.task}: {TASKS[row.task].described(row)}{gold}")
    return "\n".join(lines)


def _summary(out: Path | None, running: Running, done: int, refused: int) -> None:
    print(f"predicted {done} rows, left out {refused}" + (f": {out}" if out else ""), file=sys.stderr)
    for task, metric, value, rows in running.scores():
        print(f"{task} {metric} {value:.4f} over {rows} rows with gold", file=sys.stderr)
    if out and running.scores():
        print(f"all metrics: python -m src score {out}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
